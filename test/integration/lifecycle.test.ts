import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import jsonwebtoken from "jsonwebtoken";
import { listenOnLoopback } from "../helpers/application.ts";
import { exampleRoutes, startGate, type TestGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { repository } from "../helpers/program.ts";
import { patience, startRedis } from "../helpers/redis.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";

const [header = [], ...rows] = readFileSync(join(repository, "docs/lifecycle.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const kinds = header.slice(1);

const routes = `${exampleRoutes}  - { path: /bye, methods: [POST], revoke: token, expired: forward, revoked: forward }
  - { path: /forgotten, methods: [POST], access: public, revoke: subject, subjectFrom: { requestJson: /user } }
  - { path: /password, methods: [POST], revoke: others }
  - { path: /session, methods: [POST], revoke: session }
  - { path: /articles/*, methods: [GET], access: optional }
  - { path: /refresh, methods: [POST], from: [ { header: token } ], tokens: opaque }
  - { path: /once, methods: [POST], access: public, handsOut: [ { responseJson: /token } ], only: latest }
  - { path: /some, methods: [POST], access: public, handsOut: [ { responseJson: /token } ], session: begins, only: { latest: 2 } }
  - { path: /begin, methods: [POST], access: public, handsOut: [ { responseJson: /token } ], session: begins }
  - { path: /continue, methods: [POST], handsOut: [ { responseJson: /token } ], session: continues, reused: end }
  - { path: /socket, methods: [GET], firstMessage: { protocol: json, token: /token } }
  - { path: /socket.io/, firstMessage: { protocol: socket.io, token: /1/token, loginEvent: [authenticate] } }
  - { path: /refused, refuse: true }
logout: { path: /revgate/logout }
`;

interface RequestLine {
  readonly method: string;
  readonly path: string;
  readonly headers: string;
  readonly body?: string;
  /** How its tokens are sent. */
  readonly wrap?: (token: string) => string;
}

const handshake =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const empty = "Content-Length: 0\r\n";

/** A JWT as a text that revgate can't look into, and its issuer can. */
const sealed = (token: string) => token.split(".").join("~");

/** The first line and what else makes a request one of each kind. */
const requestLines: Record<string, RequestLine> = {
  protected: { method: "GET", path: "/me", headers: "" },
  revoking: { method: "POST", path: "/logout", headers: empty },
  "ending others": { method: "POST", path: "/password", headers: empty },
  "ending a session": { method: "POST", path: "/session", headers: empty },
  public: { method: "POST", path: "/login", headers: empty },
  optional: { method: "GET", path: "/articles/1", headers: "" },
  "public and revoking": {
    method: "POST",
    path: "/reset-password",
    headers: empty,
  },
  "revoking, expired and revoked forwarded": {
    method: "POST",
    path: "/bye",
    headers: empty,
  },
  "public, naming its subject": {
    method: "POST",
    path: "/forgotten",
    headers: "Content-Type: application/json\r\nContent-Length: 16\r\n",
    body: '{"user":"alice"}',
  },
  "of opaque tokens": { method: "POST", path: "/refresh", headers: empty },
  "of introspected tokens": { method: "GET", path: "/me", headers: "", wrap: sealed },
  "beginning a session": { method: "POST", path: "/begin", headers: empty },
  "continuing a session": { method: "POST", path: "/continue", headers: empty },
  "leaving one session": { method: "POST", path: "/once", headers: empty },
  "leaving some sessions": { method: "POST", path: "/some", headers: empty },
  "own logout": { method: "POST", path: "/revgate/logout", headers: empty },
  refused: { method: "GET", path: "/refused", headers: "" },
  upgrade: { method: "GET", path: "/chat", headers: handshake },
  "upgrade, token in a message": { method: "GET", path: "/socket", headers: handshake },
  "upgrade, token in an event": { method: "GET", path: "/socket.io/", headers: handshake },
};

interface Wrong {
  /** Those of a subject of their own. */
  readonly tokens: (sub: string) => readonly string[];
  readonly extra?: string;
  readonly target?: (path: string) => string;
  /** What the application does: a status, nothing, or not being there. */
  readonly application?: number | "silent" | "down";
  readonly prepare?: (gate: TestGate, token: string) => Promise<void>;
  readonly store?: "away";
}

const one = (sub: string) => [makeToken({ sub })];
const wrongs: Record<string, Wrong> = {
  "framing is ambiguous": { tokens: one, extra: "Host: b\r\n" },
  "target is ambiguous": { tokens: one, target: (path) => `/x/..${path}` },
  "path has `;` parameters": { tokens: one, target: (path) => `${path};a=b` },
  "no token": { tokens: () => [] },
  "two tokens": { tokens: (sub) => [makeToken({ sub }), makeToken({ sub })] },
  "forged token": { tokens: (sub) => [`${makeToken({ sub }).slice(0, -8)}AAAAAAAA`] },
  "expired token": { tokens: (sub) => [makeToken({ sub, iat: 1, exp: 2 })] },
  "revoked token": {
    tokens: one,
    async prepare(gate, token) {
      const reply = await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
      assert.equal(reply.status, 200);
    },
  },
  "store does not answer": { tokens: one, store: "away" },
  "application is down": { tokens: one, application: "down" },
  "application is silent": { tokens: one, application: "silent" },
  "application says 4xx": { tokens: one, application: 404 },
  nothing: { tokens: one },
};

/** An application that hands the user of `X-User` a token. */
async function startApplicationFor(t: TestContext, status: number | "silent"): Promise<string> {
  const application = createServer((request, response) => {
    request.resume();
    if (status === "silent") return;
    const token = makeToken({ sub: request.headers["x-user"] });
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ token, text: "from the application" }));
  });
  application.on("upgrade", (_, socket) => {
    if (status === "silent") return;
    const line = status === 200 ? "101 Switching Protocols" : `${status} No`;
    const fields = status === 200 ? "Connection: Upgrade\r\nUpgrade: websocket\r\n" : "";
    socket.end(`HTTP/1.1 ${line}\r\n${fields}\r\nfrom the application`);
  });
  return `http://127.0.0.1:${await listenOnLoopback(t, application)}`;
}

/** An issuer that is asked about sealed tokens. */
async function startIssuer(t: TestContext): Promise<string> {
  const issuer = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    response.setHeader("Content-Type", "application/json");
    try {
      const token = (new URLSearchParams(text).get("token") ?? "").replaceAll("~", ".");
      const claims = jsonwebtoken.verify(token, publicPem, { algorithms: ["RS256"] }) as object;
      response.end(JSON.stringify({ active: true, ...claims }));
    } catch {
      response.end('{"active":false}');
    }
  });
  return `http://127.0.0.1:${await listenOnLoopback(t, issuer)}/introspect`;
}

async function startFor(t: TestContext, { application = 200, store }: Wrong): Promise<TestGate> {
  const upstream =
    application === "down" ? "http://127.0.0.1:1" : await startApplicationFor(t, application);
  const redis = store === "away" ? await startRedis(t) : undefined;
  const responseTimeout = application === "silent" ? "50ms" : "30s";
  const asks = `url: "${await startIssuer(t)}", clientId: a, clientSecretFile: public.pem, timeout: 30s`;
  const yaml = [
    routes,
    `tokens: { keys: [ { publicKeyFile: public.pem } ], introspection: { ${asks} } }`,
    `upstream: { url: "${upstream}", responseTimeout: ${responseTimeout} }`,
    redis === undefined
      ? ""
      : `denylist: { dataDir: data, redis: { url: "${redis.url}", ${patience} } }`,
  ].join("\n");
  const gate = await startGate(t, { upstream, yaml });
  await redis?.kill();
  return gate;
}

async function outcomeOf(
  t: TestContext,
  gate: TestGate,
  kind: string,
  wrong: Wrong,
): Promise<string> {
  const line = requestLines[kind] ?? assert.fail(`no request for ${kind}`);
  // Nothing that one request ends is another's.
  const user = kind === "public, naming its subject" ? "alice" : kind.replaceAll(" ", "-");
  const tokens = wrong.tokens(user).map((token) => line.wrap?.(token) ?? token);
  await wrong.prepare?.(gate, tokens[0] ?? "");
  const text = await exchange(t, gate, requestText(line, user, tokens, wrong));
  const [, error] = /"error":"(\w+)"/.exec(text) ?? [];
  if (error !== undefined) return error;
  const isAnswered = text.startsWith("HTTP/1.1 204");
  if (!isAnswered) assert.match(text, /from the application/);
  const check = await send(`${gate.url}/me`, { headers: { token: tokens[0] ?? "" } });
  const revokedNow = wrong.prepare === undefined && check.text.includes("token_revoked");
  return revokedNow ? "revoked" : isAnswered ? "answered" : "forwarded";
}

function requestText(line: RequestLine, user: string, tokens: string[], wrong: Wrong): string {
  const { method, path, headers, body = "" } = line;
  const lines = tokens.map((token) => `token: ${token}\r\n`).join("");
  const close = headers === handshake ? "" : "Connection: close\r\n";
  const target = wrong.target?.(path) ?? path;
  return `${method} ${target} HTTP/1.1\r\nHost: a\r\nX-User: ${user}\r\n${headers}${lines}${wrong.extra ?? ""}${close}\r\n${body}`;
}

async function exchange(t: TestContext, gate: TestGate, request: string): Promise<string> {
  const raw = await openRaw(t, gate.port);
  raw.write(request);
  return raw.untilClosed();
}

describe("docs/lifecycle.md", () => {
  it("has a column for each kind of route and a row for each thing that can be wrong", () => {
    assert.deepEqual(kinds, Object.keys(requestLines));
    assert.deepEqual(
      rows.map(([what]) => what).filter((what) => what !== "---"),
      Object.keys(wrongs),
    );
  });

  for (const [what = "", ...cells] of rows) {
    const wrong = wrongs[what];
    if (wrong === undefined) continue;
    it(`is right about ${what} on every kind of route`, async (t) => {
      const gate = await startFor(t, wrong);
      for (const [column, expected] of cells.entries()) {
        const kind = kinds[column] ?? "";
        assert.equal(await outcomeOf(t, gate, kind, wrong), expected, kind);
      }
    });
  }
});
