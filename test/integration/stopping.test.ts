import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import http, { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate, writeConfig } from "../helpers/gate.ts";
import { keepSending, openRaw, send } from "../helpers/http.ts";
import { startBuiltGate } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { undisturbed } from "../helpers/undisturbed.ts";
import { until } from "../helpers/until.ts";

const headers = { token: makeToken() };
/** Far longer than any of this takes. */
const longDrain = 60_000;

/** An application that answers each message, and notes with what code its connections were closed. */
async function startChat(t: TestContext) {
  const server = createServer((_request, response) => response.end("ok"));
  const sockets = new WebSocketServer({ server });
  const codes: number[] = [];
  sockets.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data) => socket.send(data));
    socket.on("close", (code) => codes.push(code));
  });
  return { url: `http://127.0.0.1:${await listenOnLoopback(t, server)}`, codes };
}

async function openSocket(t: TestContext, port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, { headers });
  socket.on("error", () => {});
  t.after(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

const codeOf = async (socket: WebSocket) => ((await once(socket, "close")) as [number])[0];

const handshake = [
  ...["GET /x HTTP/1.1", "Host: a", `token: ${headers.token}`, "Connection: Upgrade"],
  ...["Upgrade: websocket", "Sec-WebSocket-Version: 13"],
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
].join("\r\n");
const goingAway = Buffer.from([0x88, 2, 0x03, 0xe9]).toString("latin1");

const switched =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/** A client that has asked for a WebSocket, and an application of which a test writes each byte. */
async function startHandshake(t: TestContext) {
  const server = createServer();
  const upgraded = once(server, "upgrade") as Promise<[unknown, Socket]>;
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const gate = await startGate(t, { upstream });
  gate.config().settings.limits.drainTimeout = longDrain;
  const client = await openRaw(t, gate.port);
  client.write(handshake);
  const [, application] = await upgraded;
  t.after(() => application.destroy());
  application.on("error", () => {});
  return { gate, client, application };
}

/** The same behind the handshake. */
async function startRaw(t: TestContext) {
  const started = await startHandshake(t);
  started.application.write(switched);
  await started.client.until(/\r\n\r\n/);
  return started;
}

describe("a WebSocket when revgate stops", { concurrency: true }, () => {
  it("is closed with 1001 at both ends, long before the time for the stop is over", async (t) => {
    const chat = await startChat(t);
    const gate = await startGate(t, { upstream: chat.url });
    gate.config().settings.limits.drainTimeout = longDrain;
    const sockets = await Promise.all(Array.from({ length: 18 }, () => openSocket(t, gate.port)));
    // Half of them in the middle of a conversation.
    for (const socket of sockets.slice(9)) {
      socket.on("message", (data) => socket.readyState === WebSocket.OPEN && socket.send(data));
      socket.send("x".repeat(100_000));
    }
    const closed = Promise.all(sockets.map(codeOf));
    const begunMs = performance.now();
    await gate.stop();
    assert.deepEqual(new Set(await closed), new Set([1001]));
    assert.ok(performance.now() - begunMs < longDrain / 2);
    await until(() => chat.codes.length === sockets.length);
    assert.deepEqual(new Set(chat.codes), new Set([1001]));
  });

  it("has the frame that is being sent first, to its end, and nothing behind the close", async (t) => {
    const { gate, client, application } = await startRaw(t);
    application.write(Buffer.from([0x81, 6, ..."abc".split("").map((c) => c.charCodeAt(0))]));
    await client.until(/abc/);
    const stopping = gate.stop();
    const whole = new RegExp(`abcdef${goingAway}$`);
    // In its own time, and with the beginning of another behind it.
    application.write("d");
    await client.until(/abcd$/);
    application.write(Buffer.concat([Buffer.from("ef"), Buffer.from([0x81, 2, 120])]));
    await client.until(whole);
    const answered = once(application, "data");
    client.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]));
    assert.equal(String((await answered)[0]).length > 0, true);
    application.end(Buffer.from([121]));
    assert.match(await client.untilClosed(), whole);
    await stopping;
  });

  it("that neither end closes is cut, and so is one whose frame does not go on", async (t) => {
    const between = await startRaw(t);
    const within = await startRaw(t);
    within.application.write(Buffer.from([0x81, 6, 97]));
    await within.client.until(/a$/);
    const begunMs = performance.now();
    await Promise.all([between.gate.stop(), within.gate.stop()]);
    assert.ok(performance.now() - begunMs < longDrain / 2);
    assert.ok((await between.client.untilClosed()).endsWith(goingAway));
    assert.ok((await within.client.untilClosed()).endsWith("\x81\x06a"));
  });

  it("that opens while it stops is closed likewise", async (t) => {
    const { gate, client, application } = await startHandshake(t);
    const stopping = gate.stop();
    application.write(switched);
    await client.until(new RegExp(`\\r\\n\\r\\n${goingAway}$`));
    application.end();
    await stopping;
  });

  it("is closed by a drain, which carries those that come back, and by the stop then", async (t) => {
    const chat = await startChat(t);
    const [directory, secret] = [temporaryDirectory(t), "a-secret-of-the-admin's"];
    writeFileSync(join(directory, "secret"), secret);
    const yaml = "admin: { host: 127.0.0.1, port: 0, tokenFile: secret }";
    const gate = await startGate(t, { upstream: chat.url, yaml, directory });
    const open = () => openSocket(t, gate.port);
    // Each comes back at once, as clients of WebSockets do.
    const before = await Promise.all(Array.from({ length: 18 }, open));
    const comeBack = before.map(async (socket) => {
      assert.equal(await codeOf(socket), 1001);
      return open();
    });
    await send(`${gate.adminUrl}/drain`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
    });
    const after = await Promise.all(comeBack);
    for (const socket of after) {
      socket.send("still served");
      assert.equal(String((await once(socket, "message"))[0]), "still served");
    }
    const closedAgain = Promise.all(after.map(codeOf));
    await gate.stop();
    assert.deepEqual(new Set(await closedAgain), new Set([1001]));
  });
});

/** Sends one request after the other on a connection that is kept, until none is to be had any more. */
async function askOn(t: TestContext, url: string, pauseMs: number) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const seen = { answered: 0, broken: [] as string[] };
  const ask = async () => {
    const request = http.get(`${url}/me`, { agent, headers });
    try {
      const [response] = (await once(request, "response")) as [IncomingMessage];
      for await (const _ of response);
      seen.answered += 1;
      return true;
    } catch (error) {
      // One that has never been answered may meet a listener that is gone.
      if (request.reusedSocket) seen.broken.push(String(error));
      return false;
    }
  };
  const ended = (async () => {
    while (await ask()) if (pauseMs > 0) await pause(pauseMs);
  })();
  return { seen, ended };
}

describe("a connection that is kept when revgate stops", () => {
  it("is never reset once it has been answered: not one of 30 clients under load", async (t) => {
    const application = await startApplication(t, (_request, response) => response.end("ok"));
    const directory = temporaryDirectory(t);
    await writeConfig(directory, "limits: { drainTimeout: 1m }", application.url);
    const gate = await startBuiltGate(t, join(directory, "revgate.yaml"));
    const clients = await Promise.all(
      // Some at once, some with a pause in which the connection is idle.
      Array.from({ length: 30 }, (_, index) => askOn(t, gate.url, (index % 3) * 20)),
    );
    await until(() => clients.every(({ seen }) => seen.answered > 5));
    const begunMs = performance.now();
    assert.equal(await gate.end("SIGTERM"), 0);
    assert.ok(performance.now() - begunMs < 45_000);
    await Promise.all(clients.map(({ ended }) => ended));
    assert.deepEqual(
      clients.flatMap(({ seen }) => seen.broken),
      [],
    );
  });
});

describe("a client that sends nothing but empty lines", { concurrency: true }, () => {
  for (const engine of ["direct", "node"]) {
    for (const [when, request] of [
      ["before a request", ""],
      ["between two requests", `GET /me HTTP/1.1\r\nHost: a\r\ntoken: ${headers.token}\r\n\r\n`],
    ] as const) {
      it(`${when} keeps no idle connection (${engine})`, async (t) => {
        const application = await startApplication(t, (_request, response) => response.end("ok"));
        const limits = "limits: { idleTimeout: 100ms, headersTimeout: 300ms }";
        const yaml = `server: { engine: ${engine} }\n${limits}`;
        const gate = await startGate(t, { upstream: application.url, yaml });
        await undisturbed(100, async () => {
          const client = await openRaw(t, gate.port);
          client.write(request);
          if (request !== "") await client.until(/ok$/);
          keepSending(t, client, "\r\n");
          const text = await client.untilClosed();
          assert.match(text, request === "" ? /^HTTP\/1\.1 408 / : /ok$/);
        });
      });
    }
  }
});
