import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { WebSocket } from "ws";
import { startGreetedGate } from "../helpers/greeter.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { clientFrame } from "../helpers/web-socket-frames.ts";

const routes = `
routes:
  - { path: /graphql, firstMessage: { protocol: graphql, token: /payload/Authorization, scheme: Bearer } }
  - { path: /ws, firstMessage: { protocol: json, type: auth, token: /access_token } }
  - { path: /socket.io/, firstMessage: { protocol: socket.io, token: /token } }
  - { path: /slow, firstMessage: { protocol: json, token: /token, timeout: 100ms } }
  - { path: /logout, methods: [POST], revoke: token }
`;

const start = (t: TestContext) => startGreetedGate(t, routes);
const graphql = (token: string) =>
  JSON.stringify({ type: "connection_init", payload: { Authorization: `Bearer ${token}` } });
const auth = (token: string) => JSON.stringify({ type: "auth", access_token: token });

describe("a WebSocket whose token comes in its first message", () => {
  it("reaches the application when the token is live, and ends with it", async (t) => {
    const { application, gate, open, logOut } = await start(t);
    const protocols: [string, (token: string) => string, string][] = [
      ["/graphql", graphql, "4403 token_revoked"],
      ["/ws", auth, "4401 token_revoked"],
      ["/socket.io/", (token) => `40${JSON.stringify({ token })}`, "4401 token_revoked"],
    ];
    for (const [path, login, ending] of protocols) {
      const token = makeToken();
      const { socket, heard, closed } = await open(path, { perMessageDeflate: true });
      assert.equal(socket.extensions, "");
      const long = `42["${"x".repeat(100_000)}"]`;
      socket.send(login(token));
      socket.send(long);
      await until(() => heard.length === 3);
      assert.deepEqual(application.messages.splice(0), [login(token), long]);
      assert.equal((await logOut(token)).status, 200);
      assert.equal(await closed, ending);
    }
    assert.deepEqual(application.handshakes, ["undefined", "undefined", "undefined"]);
    assert.doesNotMatch(gate.logged(), /eyJ/);
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /^revgate_websocket_logins_total\{outcome="accepted"\} 3$/m);
  });

  it("is closed in the words of its protocol if not, and nothing reaches the application", async (t) => {
    const { application, gate, connect, open, logOut } = await start(t);
    const revoked = makeToken();
    await logOut(revoked);
    const expired = makeToken({ iat: 1, exp: 2 });
    const refused: [string, string, string][] = [
      ["/graphql", graphql(revoked), "4403 token_revoked"],
      ["/graphql", graphql(expired), "4403 token_expired"],
      ["/graphql", graphql("a.b.c"), "4403 token_invalid"],
      ["/graphql", '{"type":"connection_init","payload":{}}', "4403 token_missing"],
      ["/graphql", '{"type":"subscribe"}', "4403 token_missing"],
      ["/ws", auth(revoked), "4401 token_revoked"],
      ["/ws", '{"type":"auth","access_token":"a","access_token":"b"}', "4401 token_ambiguous"],
      ["/ws", "x".repeat(70_000), "1009 request_too_large"],
      ["/socket.io/", `40${JSON.stringify({ token: revoked })}`, "4401 token_revoked"],
      ["/socket.io/", '42["hello"]', "4401 token_missing"],
    ];
    for (const [path, message, ending] of refused) {
      const { socket, heard, closed } = await open(path);
      socket.ping();
      socket.send(message);
      socket.send("more");
      assert.equal(await closed, ending, message.slice(0, 60));
      if (path === "/socket.io/" && message.startsWith("40")) {
        assert.equal(heard.at(-1), '44{"message":"token_revoked"}');
      }
    }
    assert.deepEqual(application.messages, []);
    const slow = connect("/slow");
    slow.socket.on("open", () => slow.socket.send('{"type":"ping"}'));
    assert.equal(await slow.closed, "4408 request_timeout");
    assert.deepEqual(application.messages, []);
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /^revgate_websocket_logins_total\{outcome="request_timeout"\} 1$/m);
    assert.match(gate.logged(), /"outcome":"token_revoked".*"message":true/);
  });

  it("is closed by a later message with a token that was given up, which the application never sees", async (t) => {
    const { application, open, logOut } = await start(t);
    const [live, revoked, renewed] = [makeToken(), makeToken({ sub: "bob" }), makeToken()];
    await logOut(revoked);
    const { socket, heard, closed } = await open("/ws");
    socket.send(auth(live));
    socket.send(auth(renewed));
    socket.send('{"type":"items"}');
    await until(() => heard.length === 4);
    socket.send(Buffer.from(auth(revoked), "utf16le"));
    socket.send("more");
    assert.equal(await closed, "4401 token_revoked");
    assert.deepEqual(application.messages, [auth(live), auth(renewed), '{"type":"items"}']);

    const another = await open("/ws");
    another.socket.send(auth(live));
    another.socket.send(auth(renewed));
    await until(() => another.heard.length === 3);
    await logOut(live);
    assert.equal(await another.closed, "4401 token_revoked");
  });

  it("is judged in every form in which an application's library may take it for a login", async (t) => {
    const { application, open, logOut } = await start(t);
    const [token, revoked] = [makeToken(), makeToken({ sub: "bob" })];
    await logOut(revoked);
    const packet = `/admin,${JSON.stringify({ token: revoked })}`;
    const legacy = JSON.stringify({
      type: "init",
      payload: { Authorization: `Bearer ${revoked}` },
    });
    const forms: [string, string, string][] = [
      ["/socket.io/", `40${packet}`, "4401 token_revoked"],
      // socket.io-parser: Number(" ") is 0, which is CONNECT.
      ["/socket.io/", `4 ${packet}`, "4401 token_ambiguous"],
      ["/socket.io/", `4\t${packet}`, "4401 token_ambiguous"],
      // Python: int("\u0660") is 0.
      ["/socket.io/", `4\u0660${packet}`, "4401 token_ambiguous"],
      // Engine.IO takes every path that begins with its own.
      ["/socket.io/more", `40${packet}`, "4401 token_revoked"],
      ["/SOCKET.IO/", `40${packet}`, "4401 token_revoked"],
      ["/WS/", auth(revoked), "4401 token_revoked"],
      // subscriptions-transport-ws
      ["/graphql", legacy, "4403 token_revoked"],
    ];
    for (const [path, message, ending] of forms) {
      const { socket, closed } = await open(path, { headers: { token } });
      socket.send(message);
      socket.send("more");
      assert.equal(await closed, ending, `${path} ${message.slice(0, 8)}`);
    }
    assert.deepEqual(application.messages, []);
  });

  it("is not looked for in socket.io's long polling: its POST is refused, whatever token it carries", async (t) => {
    const { gate } = await start(t);
    const headers = { token: makeToken() };
    for (const path of ["/socket.io/?EIO=4&sid=1", "/Socket.io/x", "/socket.io"]) {
      const { status, text } = await send(gate.url + path, { method: "POST", headers, body: "40" });
      assert.equal(status, 400, path);
      assert.match(text, /request_ambiguous/);
    }
    const polled = await send(`${gate.url}/socket.io/?EIO=4&transport=polling`, { headers });
    assert.equal(polled.status, 200);
    const elsewhere = await send(`${gate.url}/graphql`, { method: "POST", headers, body: "{}" });
    assert.equal(elsewhere.status, 200);
  });

  it("needs none with a live one in its handshake; with a dead one it is refused", async (t) => {
    const { application, gate, open, logOut } = await start(t);
    const token = makeToken();
    const { socket, heard, closed } = await open("/ws", { headers: { token } });
    socket.send("at once");
    await until(() => heard.length === 2);
    assert.deepEqual(application.messages, ["at once"]);
    await logOut(token);
    assert.equal(await closed, "4401 token_revoked");
    const dead = new WebSocket(`ws://127.0.0.1:${gate.port}/ws`, { headers: { token } });
    dead.on("error", () => {});
    const [, answer] = await once(dead, "unexpected-response");
    assert.equal((answer as { statusCode: number }).statusCode, 401);
    answer.resume();
  });

  it("is the only request that its rule lets in: any other needs its token", async (t) => {
    const { gate } = await start(t);
    const lines =
      "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const requests: [string, string, string][] = [
      ["a plain request", "GET /graphql HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "401"],
      ["a path in another spelling", `GET /graphql/ HTTP/1.1\r\n${lines}\r\n`, "401"],
      ["another path", `GET /graphql/2 HTTP/1.1\r\n${lines}\r\n`, "401"],
      [
        "no key",
        `GET /graphql HTTP/1.1\r\n${lines.replace(/Sec-WebSocket-Key.*\r\n/, "")}\r\n`,
        "401",
      ],
      ["an answer of 200", `GET /graphql?s=200 HTTP/1.1\r\n${lines}\r\n`, "401"],
      ["an answer of 400", `GET /graphql?s=400 HTTP/1.1\r\n${lines}\r\n`, "400"],
    ];
    for (const [what, bytes, status] of requests) {
      const connection = await openRaw(t, gate.port);
      connection.write(bytes);
      const text = await connection.untilClosed();
      assert.equal(text.slice(9, 12), status, what);
      assert.equal(text.includes("unasked"), status === "400", what);
    }
  });

  it("may send all of it at once, in the packet of its handshake", async (t) => {
    const { application, gate } = await start(t);
    const connection = await openRaw(t, gate.port);
    const lines =
      "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const head = Buffer.from(`GET /ws HTTP/1.1\r\n${lines}\r\n`);
    const login = auth(makeToken());
    connection.write(Buffer.concat([head, clientFrame(login), clientFrame("more")]));
    await until(() => application.messages.length === 2);
    assert.deepEqual(application.messages, [login, "more"]);
  });
});
