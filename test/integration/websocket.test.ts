import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { type ClientOptions, WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

/** An application that echoes over WebSocket, and remembers the handshakes. */
async function startEcho(t: TestContext) {
  const handshakes: IncomingMessage[] = [];
  const server = createHttpServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => {
    handshakes.push(request);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  const port = await listenOnLoopback(t, server);
  return { url: `http://127.0.0.1:${port}`, handshakes, sockets };
}

function connect(t: TestContext, port: number, path: string, options: ClientOptions = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  socket.on("error", () => {});
  t.after(() => socket.terminate());
  return socket;
}

/** The status and body with which a handshake was refused. */
async function refusalOf(socket: WebSocket): Promise<{ status: number; text: string }> {
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode ?? 0, text };
}

describe("a WebSocket", () => {
  it("with a valid token is carried, bytes both ways", async (t) => {
    const echo = await startEcho(t);
    const gate = await startGate(t, { upstream: echo.url });
    const headers = { token: makeToken(), "X-Mixed-Case": "1" };
    const socket = connect(t, gate.port, "/chat/'a'?b=//c", { headers });
    await once(socket, "open");
    for (const message of ["hello", "x".repeat(200_000)]) {
      socket.send(message);
      const [data] = (await once(socket, "message")) as [Buffer];
      assert.equal(data.toString(), message);
    }
    const [handshake] = echo.handshakes;
    assert.equal(handshake?.url, "/chat/'a'?b=//c");
    assert.ok(handshake?.rawHeaders.includes("X-Mixed-Case"));
    assert.equal(handshake?.headers["x-forwarded-for"], "127.0.0.1");
    assert.match(
      (await send(`${gate.adminUrl}/metrics`)).text,
      /^revgate_upgraded_connections 1$/m,
    );
  });

  it("takes the other end with it when either end goes", async (t) => {
    const echo = await startEcho(t);
    const gate = await startGate(t, { upstream: echo.url });
    const headers = { token: makeToken() };
    for (const who of ["client", "application"]) {
      const accepted = once(echo.sockets, "connection") as Promise<[WebSocket]>;
      const client = connect(t, gate.port, "/chat", { headers });
      const [[application]] = await Promise.all([accepted, once(client, "open")]);
      const [leaving, left] = who === "client" ? [client, application] : [application, client];
      const closed = once(left, "close");
      leaving.terminate();
      await closed;
    }
    await until(async () =>
      /^revgate_upgraded_connections 0$/m.test((await send(`${gate.adminUrl}/metrics`)).text),
    );
  });

  const refused: [string, Record<string, string>, number, string][] = [
    ["without a token", {}, 401, "token_missing"],
    ["with a bad token", { token: "a.b.c" }, 401, "token_invalid"],
    ["with an expired token", { token: makeToken({ iat: 1, exp: 2 }) }, 401, "token_expired"],
  ];
  for (const [what, headers, status, error] of refused) {
    it(`${what} is refused with ${error}`, async (t) => {
      const echo = await startEcho(t);
      const gate = await startGate(t, { upstream: echo.url });
      const refusal = await refusalOf(connect(t, gate.port, "/chat", { headers }));
      assert.equal(refusal.status, status);
      assert.equal(JSON.parse(refusal.text).error, error);
      assert.equal(echo.handshakes.length, 0);
    });
  }

  it("with a revoked token is refused", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const headers = { token: makeToken() };
    await send(`${gate.url}/logout`, { method: "POST", headers });
    const refusal = await refusalOf(connect(t, gate.port, "/chat", { headers }));
    assert.equal(JSON.parse(refusal.text).error, "token_revoked");
  });

  it("is answered 502 where the application is absent, 504 where it is silent", async (t) => {
    const headers = { token: makeToken() };
    const absent = await startGate(t, { upstream: "http://127.0.0.1:1" });
    const down = await refusalOf(connect(t, absent.port, "/chat", { headers }));
    assert.equal(down.status, 502);
    assert.equal(JSON.parse(down.text).error, "upstream_unreachable");

    const port = await listenOnLoopback(
      t,
      createServer((socket) => void socket.resume()),
    );
    const upstream = `http://127.0.0.1:${port}`;
    const yaml = `upstream: { url: "${upstream}", responseTimeout: 50ms }`;
    const silent = await startGate(t, { upstream, yaml });
    const slow = await refusalOf(connect(t, silent.port, "/chat", { headers }));
    assert.equal(slow.status, 504);
    assert.equal(JSON.parse(slow.text).error, "upstream_timeout");
    assert.equal((await send(`${silent.adminUrl}/healthz`)).status, 200);
  });

  it("that the application refuses is answered with exactly that refusal", async (t) => {
    const application = await startApplication(t, (_request, response) => {
      response.writeHead(403, { "X-Why": "no" });
      response.write("not ");
      response.end("here");
    });
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    raw.write(
      `GET /chat HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    const text = await raw.untilClosed();
    assert.match(text, /^HTTP\/1\.1 403 Forbidden\r\n/);
    assert.match(text, /\r\nX-Why: no\r\n/);
    // The body has come out of its chunks, so the framing must not say that it is in them.
    assert.doesNotMatch(text, /transfer-encoding/i);
    assert.ok(text.endsWith("\r\n\r\nnot here"), text);
  });

  for (const protocol of ["h2c, websocket", "websocket/13", "websocket, websocket"]) {
    it(`is asked for by one word alone: ${protocol} is refused`, async (t) => {
      const application = await startApplication(t);
      const gate = await startGate(t, { upstream: application.url });
      const raw = await openRaw(t, gate.port);
      raw.write(
        `GET / HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
      );
      assert.match(await raw.untilClosed(), /^HTTP\/1\.1 400 [\s\S]*request_ambiguous/);
      assert.equal(application.seen.length, 0);
    });
  }
});
