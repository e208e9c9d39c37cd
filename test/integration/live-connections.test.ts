import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import http, { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const routes = `
routes:
  - { path: /logout, methods: [POST], revoke: token }
  - { path: /password, methods: [PUT], revoke: subject }
  - { path: /news, access: public }`;

/** An application that echoes over WebSocket, and sends events for ever. */
async function startLively(t: TestContext) {
  const server = createServer((request, response) => {
    if (request.url !== "/events" && request.url !== "/news") {
      response.end("ok");
      return;
    }
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("data: first\n\n");
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data) => socket.send(data));
  });
  return { url: `http://127.0.0.1:${await listenOnLoopback(t, server)}`, sockets };
}

async function openSocket(t: TestContext, gate: TestGate, token: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/chat`, { headers: { token } });
  socket.on("error", () => {});
  t.after(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

async function openEvents(
  t: TestContext,
  gate: TestGate,
  token: string,
  path = "/events",
): Promise<IncomingMessage> {
  const request = http.get(`${gate.url}${path}`, { headers: { token } });
  request.on("error", () => {});
  t.after(() => request.destroy());
  const [response] = (await once(request, "response")) as [IncomingMessage];
  await once(response, "data");
  response.on("error", () => {}).resume();
  return response;
}

/** Resolves when a response is over, well or not. */
function untilClosed(response: IncomingMessage): Promise<unknown> {
  return new Promise((resolve) => response.on("close", resolve));
}

/** What a client is told when its WebSocket ends. */
async function closeOf(socket: WebSocket): Promise<string> {
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  return `${code} ${reason}`;
}

async function metric(gate: TestGate, name: string): Promise<number> {
  const { text } = await send(`${gate.adminUrl}/metrics`);
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}

describe("what goes on under a token", () => {
  it("ends with it on every sidecar: another device's WebSocket and events, and nobody else's", async (t) => {
    const application = await startLively(t);
    const redis = await startUsedRedis(t);
    const yaml = `${routes}\ndenylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms } }`;
    const [one, two] = await Promise.all([
      startGate(t, { upstream: application.url, yaml }),
      startGate(t, { upstream: application.url, yaml }),
    ]);
    for (const gate of [one, two]) await untilReady(gate);
    const [phone, laptop, bob] = [makeToken(), makeToken(), makeToken({ sub: "bob" })];
    const [socket, events] = [await openSocket(t, two, laptop), await openEvents(t, two, laptop)];
    const [bobs, bobsEvents] = [await openSocket(t, two, bob), await openEvents(t, two, bob)];
    assert.equal(await metric(two, "revgate_live_connections"), 4);

    const ended = Promise.all([closeOf(socket), untilClosed(events)]);
    const startedMs = performance.now();
    const changing = send(`${one.url}/password`, { method: "PUT", headers: { token: phone } });
    const [close] = await ended;
    const cutMs = performance.now() - startedMs;
    assert.equal(close, "4401 token_revoked");
    // Broken off, not ended: nobody may take it for all there was.
    assert.equal(events.complete, false);
    assert.equal((await changing).status, 200);
    t.diagnostic(`cut ${cutMs.toFixed()} ms after the request that revoked`);

    bobs.send("still here?");
    assert.equal(String((await once(bobs, "message"))[0]), "still here?");
    assert.equal(bobsEvents.destroyed, false);
    assert.equal(await metric(two, "revgate_live_connections"), 2);
    const { text } = await send(`${two.adminUrl}/metrics`);
    assert.match(text, /^revgate_connections_cut_total\{reason="token_revoked"\} 2$/m);
    assert.match(text, /^revgate_requests_total\{outcome="cut"\} 1$/m);
  });

  it("is cut without a close frame in the middle of another", async (t) => {
    const server = createServer((_request, response) => response.end());
    server.on("upgrade", (_request, socket: Socket) => {
      socket.on("error", () => {});
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      );
      // A frame of 10 bytes of which 4 come.
      socket.write(Buffer.from([0x81, 10, 65, 66, 67, 68]));
    });
    const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
    const gate = await startGate(t, { upstream, yaml: routes });
    const token = makeToken();
    const raw = await openRaw(t, gate.port);
    raw.write(
      `GET /x HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    await raw.until(/ABCD/);
    await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
    assert.match(await raw.untilClosed(), /ABCD$/);
  });

  it("is cut when the token expires, or kept where that is configured", async (t) => {
    const application = await startLively(t);
    const soon = { exp: Math.ceil(Date.now() / 1000) + 1 };
    const tokens = "tokens: { keys: [ { publicKeyFile: public.pem } ], clockTolerance: 0s }";
    const cutting = await startGate(t, { upstream: application.url, yaml: tokens });
    const keeping = await startGate(t, {
      upstream: application.url,
      yaml: `${tokens}\nliveConnections: { atExpiry: keep }`,
    });
    const token = makeToken(soon);
    const kept = await openSocket(t, keeping, token);
    const cut = await openSocket(t, cutting, token);
    assert.equal(await closeOf(cut), "4401 token_expired");
    assert.equal((await send(`${keeping.url}/x`, { headers: { token } })).status, 401);
    kept.send("still here?");
    assert.equal(String((await once(kept, "message"))[0]), "still here?");
  });

  it("ends although the revocation came between the check and the answer", async (t) => {
    let answer = () => {};
    const application = await startApplication(t, (request, response) => {
      if (request.url !== "/events") {
        response.end();
        return;
      }
      answer = () => {
        response.writeHead(200);
        response.write("first");
      };
    });
    const gate = await startGate(t, { upstream: application.url, yaml: routes });
    const token = makeToken();
    const arrived = once(application.server, "request");
    const request = http.get(`${gate.url}/events`, { headers: { token } });
    request.on("error", () => {});
    await arrived;
    await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
    answer();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.on("error", () => {}).resume();
    await untilClosed(response);
    assert.equal(response.complete, false);
  });

  it("does not take the answer to the logout itself", async (t) => {
    const application = await startApplication(t, (_request, response) => {
      response.writeHead(200);
      response.write("good");
      setImmediate(() => setImmediate(() => response.end("bye")));
    });
    const gate = await startGate(t, { upstream: application.url, yaml: routes });
    const reply = await send(`${gate.url}/logout`, {
      method: "POST",
      headers: { token: makeToken() },
    });
    assert.deepEqual([reply.status, reply.text], [200, "goodbye"]);
  });

  it("does not depend on a token where the route asks for none", async (t) => {
    const gate = await startGate(t, { upstream: (await startLively(t)).url, yaml: routes });
    const token = makeToken();
    const [events, news] = [
      await openEvents(t, gate, token),
      await openEvents(t, gate, token, "/news"),
    ];
    assert.equal(await metric(gate, "revgate_live_connections"), 1);
    const ended = untilClosed(events);
    await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
    await ended;
    assert.equal(news.destroyed, false);
  });

  it("leaves nothing behind: half cut, half closed by clients", async (t) => {
    const application = await startLively(t);
    const gate = await startGate(t, { upstream: application.url, yaml: routes });
    await send(`${gate.adminUrl}/healthz`);
    const before = readdirSync("/proc/self/fd").length;
    const token = makeToken();
    const revoked: WebSocket[] = [];
    const others: WebSocket[] = [];
    for (let i = 0; i < 150; i += 1) {
      revoked.push(await openSocket(t, gate, token));
      others.push(await openSocket(t, gate, makeToken({ sub: "bob" })));
    }
    assert.equal(await metric(gate, "revgate_live_connections"), 300);
    const [cut, closed] = [revoked.map(closeOf), others.map(closeOf)];
    await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
    for (const socket of others) socket.close(1000, "bye");
    assert.deepEqual(new Set(await Promise.all(cut)), new Set(["4401 token_revoked"]));
    assert.deepEqual(new Set(await Promise.all(closed)), new Set(["1000 bye"]));
    await until(async () => (await metric(gate, "revgate_upgraded_connections")) <= 0);
    assert.equal(await metric(gate, "revgate_live_connections"), 0);
    // The connection to the application that is kept, and the one that asks.
    while (readdirSync("/proc/self/fd").length > before + 10)
      await send(`${gate.adminUrl}/healthz`);
  });
});
