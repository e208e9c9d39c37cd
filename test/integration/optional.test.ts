import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const yaml = `
tokens:
  from: [ { header: authorization, scheme: Bearer }, { cookie: session } ]
  keys: [ { publicKeyFile: public.pem } ]
  forwardClaims: { sub: x-user }
routes:
  - { path: /articles/*, methods: [GET], access: optional, allowEncodedSlash: true }
  - { path: /read, methods: [POST], access: optional, revoke: token }
  - { path: /logout, methods: [POST], revoke: token }`;

async function start(t: TestContext, more = "") {
  const application = await startApplication(t);
  const gate = await startGate(t, { upstream: application.url, yaml: `${yaml}\n${more}` });
  const get = (headers: Record<string, string>, path = "/articles/1", method = "GET") =>
    send(`${gate.url}${path}`, { headers, method });
  const logOut = (token: string) =>
    get({ authorization: `Bearer ${token}` }, "/logout", "POST").then(({ status }) =>
      assert.equal(status, 200),
    );
  return { gate, application, get, logOut };
}

describe("a route whose token is optional", () => {
  it("is reached without one, and with a live one, which is looked into", async (t) => {
    const { application, get } = await start(t);
    const token = makeToken();
    for (const headers of [
      {},
      { cookie: "session=" },
      { authorization: "" },
      { authorization: `Bearer ${token}` },
      { cookie: `session=${token}` },
    ]) {
      const reply = await get({ ...headers, "x-user": "forged" });
      assert.equal(reply.status, 200, JSON.stringify(headers));
    }
    // As npm asks for it; the application gets it as it was sent.
    assert.equal((await get({}, "/articles/@scope%2fname")).status, 200);
    assert.equal(application.seen.at(-1)?.url, "/articles/@scope%2fname");
    for (const path of ["/other/a%2fb", "/articles%2fa", "/articles/a%2f%2e%2e%2flogout"]) {
      assert.equal((await get({}, path)).status, 400, path);
    }
    const users = application.seen.map(({ headers }) => headers["x-user"]);
    assert.deepEqual(users.slice(0, 5), [undefined, undefined, undefined, "alice", "alice"]);
  });

  it("refuses one that is not live, and says what to do", async (t) => {
    const { application, get, logOut } = await start(t);
    const [revoked, live] = [makeToken(), makeToken()];
    await logOut(revoked);
    const before = application.seen.length;
    const cases: [Record<string, string>, string][] = [
      [{ authorization: `Bearer ${revoked}` }, "token_revoked"],
      [{ cookie: `session=${revoked}` }, "token_revoked"],
      [{ authorization: `Bearer ${makeToken({ iat: 1, exp: 2 })}` }, "token_expired"],
      [{ authorization: `Bearer ${live.slice(0, -6)}AAAAAA` }, "token_invalid"],
      [{ authorization: `Bearer ${live}`, cookie: `session=${revoked}` }, "token_ambiguous"],
      // What is none here may be one to the application.
      [{ authorization: revoked }, "token_revoked"],
      [{ authorization: `Token ${revoked}` }, "token_invalid"],
    ];
    for (const [headers, error] of cases) {
      const { status, json } = await get(headers);
      assert.deepEqual([status, json["error"]], [401, error]);
      assert.match(String(json["message"]), / Log in again, or send no token\.$/);
    }
    assert.equal(application.seen.length, before);
  });

  it("says it in the language that is configured, and with the operator's own words instead", async (t) => {
    const { get } = await start(t, "errors: { language: zh, messages: { token_invalid: Nope. } }");
    const expired = await get({ authorization: `Bearer ${makeToken({ iat: 1, exp: 2 })}` });
    assert.match(String(expired.json["message"]), /不携带token/);
    assert.equal((await get({ authorization: "x" })).json["message"], "Nope.");
  });

  it("is one exactly as it is written", async (t) => {
    const { gate, get } = await start(t);
    for (const [method, path] of [
      ["POST", "/articles/1"],
      ["GET", "/Articles/1"],
      ["GET", "/articles"],
      ["GET", "/article%73/1"],
    ] as const) {
      assert.equal((await get({}, path, method)).status, 401, `${method} ${path}`);
    }
    const raw = await openRaw(t, gate.port);
    raw.write("GET /articles/1;x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.match(await raw.untilClosed(), /^HTTP\/1\.1 400 /);
  });

  it("ends the token that it carries, if it says so", async (t) => {
    const { get } = await start(t);
    const headers = { authorization: `Bearer ${makeToken()}` };
    assert.equal((await get({}, "/read", "POST")).status, 200);
    assert.equal((await get(headers, "/read", "POST")).status, 200);
    assert.equal((await get(headers)).json["error"], "token_revoked");
  });

  it("ends a WebSocket with its token, and leaves one that has none", async (t) => {
    const server = createServer((_request, response) => response.end("ok"));
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
    const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
    const gate = await startGate(t, { upstream, yaml });
    const open = async (headers: Record<string, string>) => {
      const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/articles/live`, { headers });
      t.after(() => socket.terminate());
      await once(socket, "open");
      return socket;
    };
    const headers = { authorization: `Bearer ${makeToken()}` };
    const [own, anonymous] = [await open(headers), await open({})];
    const closed = once(own, "close");
    await send(`${gate.url}/logout`, { method: "POST", headers });
    assert.equal((await closed)[0], 4401);
    anonymous.send("still here");
    assert.equal(String((await once(anonymous, "message"))[0]), "still here");
  });
});
