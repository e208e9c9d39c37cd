import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback } from "../helpers/application.ts";
import { exampleRoutes, startGate, type TestGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { repository } from "../helpers/program.ts";
import { startRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";

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
`;

interface RequestLine {
  readonly method: string;
  readonly path: string;
  readonly headers: string;
  readonly body?: string;
}

/** The first line and what else makes a request one of each kind. */
const requestLines: Record<string, RequestLine> = {
  protected: { method: "GET", path: "/me", headers: "" },
  revoking: { method: "POST", path: "/logout", headers: "Content-Length: 0\r\n" },
  "ending others": { method: "POST", path: "/password", headers: "Content-Length: 0\r\n" },
  "ending a session": { method: "POST", path: "/session", headers: "Content-Length: 0\r\n" },
  public: { method: "POST", path: "/login", headers: "Content-Length: 0\r\n" },
  optional: { method: "GET", path: "/articles/1", headers: "" },
  "public and revoking": {
    method: "POST",
    path: "/reset-password",
    headers: "Content-Length: 0\r\n",
  },
  "revoking, expired and revoked forwarded": {
    method: "POST",
    path: "/bye",
    headers: "Content-Length: 0\r\n",
  },
  "public, naming its subject": {
    method: "POST",
    path: "/forgotten",
    headers: "Content-Type: application/json\r\nContent-Length: 16\r\n",
    body: '{"user":"alice"}',
  },
  "of opaque tokens": { method: "POST", path: "/refresh", headers: "Content-Length: 0\r\n" },
  upgrade: {
    method: "GET",
    path: "/chat",
    headers:
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
  },
};

interface Wrong {
  readonly tokens: () => readonly string[];
  readonly extra?: string;
  readonly target?: (path: string) => string;
  /** What the application does: a status, nothing, or not being there. */
  readonly application?: number | "silent" | "down";
  readonly prepare?: (gate: TestGate, token: string) => Promise<void>;
  readonly store?: "away";
}

const one = () => [makeToken()];
const wrongs: Record<string, Wrong> = {
  "framing is ambiguous": { tokens: one, extra: "Host: b\r\n" },
  "target is ambiguous": { tokens: one, target: (path) => `/x/..${path}` },
  "path has `;` parameters": { tokens: one, target: (path) => `${path};a=b` },
  "no token": { tokens: () => [] },
  "two tokens": { tokens: () => [makeToken(), makeToken()] },
  "forged token": { tokens: () => [`${makeToken().slice(0, -8)}AAAAAAAA`] },
  "expired token": { tokens: () => [makeToken({ iat: 1, exp: 2 })] },
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

async function startFor(t: TestContext, wrong: Wrong): Promise<TestGate> {
  const status = wrong.application ?? 200;
  const application = createServer((request, response) => {
    request.resume();
    if (status !== "silent") response.writeHead(Number(status)).end("from the application");
  });
  const upstream =
    status === "down"
      ? "http://127.0.0.1:1"
      : `http://127.0.0.1:${await listenOnLoopback(t, application)}`;
  const redis = wrong.store === "away" ? await startRedis(t) : undefined;
  const responseTimeout = status === "silent" ? "50ms" : "30s";
  const yaml = [
    routes,
    `upstream: { url: "${upstream}", responseTimeout: ${responseTimeout} }`,
    redis === undefined ? "" : `denylist: { dataDir: data, redis: { url: "${redis.url}" } }`,
  ].join("\n");
  const gate = await startGate(t, { upstream, yaml });
  await redis?.kill();
  return gate;
}

async function outcomeOf(t: TestContext, kind: string, wrong: Wrong): Promise<string> {
  const gate = await startFor(t, wrong);
  const {
    method,
    path,
    headers,
    body = "",
  } = requestLines[kind] ?? assert.fail(`no request for ${kind}`);
  const tokens = wrong.tokens();
  await wrong.prepare?.(gate, tokens[0] ?? "");
  const raw = await openRaw(t, gate.port);
  const lines = tokens.map((token) => `token: ${token}\r\n`).join("");
  const close = kind === "upgrade" ? "" : "Connection: close\r\n";
  const target = wrong.target?.(path) ?? path;
  raw.write(
    `${method} ${target} HTTP/1.1\r\nHost: a\r\n${headers}${lines}${wrong.extra ?? ""}${close}\r\n${body}`,
  );
  const text = await raw.untilClosed();
  const [, error] = /"error":"(\w+)"/.exec(text) ?? [];
  if (error !== undefined) return error;
  assert.match(text, /from the application/);
  const check = await send(`${gate.url}/me`, { headers: { token: tokens[0] ?? "" } });
  const revokedNow = wrong.prepare === undefined && check.text.includes("token_revoked");
  return revokedNow ? "revoked" : "forwarded";
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
    for (const [column, expected] of cells.entries()) {
      const kind = kinds[column] ?? "";
      it(`is right about ${what} on ${kind}: ${expected}`, async (t) => {
        assert.equal(await outcomeOf(t, kind, wrong), expected);
      });
    }
  }
});
