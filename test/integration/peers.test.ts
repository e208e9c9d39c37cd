import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, type RawConnection, send, statusesIn } from "../helpers/http.ts";
import { firstCells } from "../helpers/tables.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const headers = { token: makeToken() };
const headLines = `Host: a\r\ntoken: ${headers.token}\r\n`;

/** One application of Node's, one that answers in bytes, and a revgate before each. */
interface Place {
  readonly url: string;
  readonly port: number;
  /** The requests of a path that arrived. */
  readonly arrived: (path: string) => IncomingMessage[];
  readonly upgraded: IncomingMessage[];
  /** The codes and reasons with which WebSockets were closed at the application. */
  readonly closed: string[];
  readonly rawPort: number;
  readonly rawUrl: string;
  /** What connections to the second application have brought, each as a whole. */
  readonly received: string[];
  readonly open: (port: number) => Promise<RawConnection>;
}

/** What the second application answers, by path. */
const rawAnswers: Record<string, string> = {
  "/cookies":
    "HTTP/1.1 200 Fine Indeed\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-B: 1\r\nContent-Length: 2\r\n\r\nok",
  "/204": "HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n",
  "/304": "HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\nETag: x\r\n\r\n",
  "/chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "/busy": "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy",
  "/moved":
    "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example:3000/x\r\nContent-Length: 0\r\n\r\n",
  "/broken": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
  "/refused": "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno",
};

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? "";
  if (path === "/too-large") {
    response.writeHead(413).end("too large");
  } else if (path === "/early-head") {
    response.flushHeaders();
    let length = 0;
    request.on("data", (chunk) => {
      length += chunk.length;
    });
    request.on("end", () => response.end(String(length)));
  } else if (path.startsWith("/events")) {
    response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: 1\n\n");
    if (path === "/events/broken") setImmediate(() => response.destroy());
  } else {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => response.end(`${request.method} ${path} ${body}`));
  }
}

async function start(t: TestContext): Promise<Place> {
  const application = await startApplication(t, answer);
  const upgraded: IncomingMessage[] = [];
  const closed: string[] = [];
  const sockets = new WebSocketServer({ server: application.server, perMessageDeflate: true });
  sockets.on("connection", (socket, request) => {
    upgraded.push(request);
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => {
      if (String(data) === "close") socket.close(4001, "by the application");
      else socket.send(data, { binary: isBinary });
    });
    socket.on("close", (code, reason) => closed.push(`${code} ${reason}`));
  });
  const received: string[] = [];
  const raw = createServer((socket) => answerRaw(socket, received));
  const rawUpstream = `http://127.0.0.1:${await listenOnLoopback(t, raw)}`;
  const [gate, rawGate] = await Promise.all([
    startGate(t, { upstream: application.url }),
    startGate(t, { upstream: rawUpstream }),
  ]);
  return {
    url: gate.url,
    port: gate.port,
    arrived: (path) => application.seen.filter(({ url }) => url === path),
    ...{ upgraded, closed, received },
    rawPort: rawGate.port,
    rawUrl: rawGate.url,
    open: (port) => openRaw(t, port),
  };
}

function answerRaw(socket: Socket, received: string[]): void {
  const index = received.push("") - 1;
  socket.on("error", () => {});
  socket.on("data", (data) => {
    const text = data.toString("latin1");
    received[index] += text;
    const path = /^[A-Z]+ (\S+) HTTP/.exec(text)?.[1] ?? "";
    if (path === "/dies") socket.destroy();
    if (path in rawAnswers) socket.write(rawAnswers[path] ?? "", "latin1");
    if (path === "/broken") socket.end();
  });
}

/** How often the second application was asked so. */
function timesAsked({ received }: Place, request: string): number {
  return received.join("\n").split(request).length - 1;
}

/** Whether a response came as a whole; one that is reset may not come at all. */
async function isWhole(url: string): Promise<boolean> {
  const request = http.get(url, { headers });
  request.on("error", () => {});
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.on("error", () => {});
    await once(response.resume(), "close");
    return response.complete;
  } catch {
    return false;
  }
}

/** Sends bytes on a connection of its own; resolves with all that comes back, when that is over. */
async function talk({ open }: Place, port: number, bytes: string): Promise<string> {
  const raw = await open(port);
  raw.write(bytes);
  return raw.untilClosed();
}

async function webSocket({ port }: Place, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, protocols, { headers });
  socket.on("error", () => {});
  await once(socket, "open");
  return socket;
}

/** A masked frame as clients send them. */
function frame(first: number, payload: string): Buffer {
  const length = payload.length;
  const head =
    length < 126 ? [first, 0x80 | length] : [first, 0x80 | 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), Buffer.from(payload, "latin1")]);
}

const handshake = (path: string, more = "") =>
  `GET ${path} HTTP/1.1\r\n${headLines}${more}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const hidden = `GET /secret HTTP/1.1\r\n${headLines}\r\n`;
const smuggling = (path: string, method: string, connection: string) =>
  `${method} ${path} HTTP/1.1\r\n${headLines}Transfer-Encoding: chunked\r\nConnection: ${connection}\r\n\r\n` +
  `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;

/** By what docs/peers.md says of it. */
const cases: Record<string, (place: Place) => Promise<void>> = {
  async "a chunked DELETE or OPTIONS hides no second request (GHSA-ggv3-7p47-pfv8)"(place) {
    for (const method of ["DELETE", "OPTIONS"]) {
      for (const connection of [
        "keep-alive",
        "keep-alive, upgrade",
        "Transfer-Encoding, upgrade",
      ]) {
        const raw = await place.open(place.port);
        raw.write(smuggling("/smuggling", method, connection));
        await raw.until(/HTTP\/1\.1 [\s\S]*(\/secret|400 )/);
        raw.socket.destroy();
      }
    }
    assert.equal(place.arrived("/secret").length, 0);
    assert.ok(place.arrived("/smuggling").length >= 2);
  },
  async "DELETE and OPTIONS without a body get no Content-Length"(place) {
    await send(`${place.url}/bare`, { method: "DELETE", headers });
    assert.equal(place.arrived("/bare")[0]?.headers["content-length"], undefined);
  },
  async "an answer before the end of an upload reaches a client that goes on sending"(place) {
    const raw = await place.open(place.port);
    const length = 8 << 20;
    raw.write(`POST /too-large HTTP/1.1\r\n${headLines}Content-Length: ${length}\r\n\r\n`);
    raw.write(Buffer.alloc(length));
    await raw.until(/HTTP\/1\.1 413 [\s\S]*too large/);
  },
  async "a head before the end of an upload leaves the rest of the upload alone"(place) {
    const length = 4 << 20;
    const sent = await send(`${place.url}/early-head`, {
      method: "POST",
      headers,
      body: Buffer.alloc(length),
    });
    assert.equal(sent.text, String(length));
  },
  async "events come one by one, and end in a broken response if the application breaks off"(
    place,
  ) {
    assert.equal(await isWhole(`${place.url}/events/broken`), false);
  },
  async "a client that leaves is noticed at the application"(place) {
    const request = http.get(`${place.url}/events`, { headers });
    request.on("error", () => {});
    await once(request, "response");
    const [arrived] = place.arrived("/events");
    const closed = arrived && once(arrived.socket, "close");
    request.destroy();
    await closed;
  },
  async "several Set-Cookie keep their order and spelling, and so does the reason"(place) {
    const text = await talk(
      place,
      place.rawPort,
      `GET /cookies HTTP/1.1\r\n${headLines}Connection: close\r\n\r\n`,
    );
    assert.match(
      text,
      /^HTTP\/1\.1 200 Fine Indeed\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-B: 1\r\n/,
    );
  },
  async "204 and 304 lose a Transfer-Encoding, and the connection goes on"(place) {
    for (const status of [204, 304]) {
      const raw = await place.open(place.rawPort);
      raw.write(`GET /${status} HTTP/1.1\r\n${headLines}\r\n`);
      await raw.until(/\r\n\r\n/);
      raw.write(`GET /cookies HTTP/1.1\r\n${headLines}\r\n`);
      await raw.until(/ok$/);
      assert.deepEqual(statusesIn(raw.received()), [status, 200]);
      assert.doesNotMatch(raw.received(), /transfer-encoding/i);
      raw.socket.destroy();
    }
  },
  async "HTTP/1.0 gets no chunks, and the end of the connection"(place) {
    const text = await talk(place, place.rawPort, `GET /chunks HTTP/1.0\r\n${headLines}\r\n`);
    assert.match(text, /^HTTP\/1\.[01] 200 /);
    assert.match(text, /\r\n\r\nhello$/);
    assert.doesNotMatch(text, /transfer-encoding/i);
  },
  async "an empty Host is refused"(place) {
    const text = await talk(
      place,
      place.port,
      `GET /empty-host HTTP/1.1\r\nHost:\r\ntoken: ${headers.token}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(text, /^HTTP\/1\.1 400 /);
  },
  async "Location and cookies are not rewritten"(place) {
    const { status, headers: got } = await send(`${place.rawUrl}/moved`, { headers });
    assert.deepEqual([status, got.location], [302, "http://elsewhere.example:3000/x"]);
  },
  async "// and an empty path are refused"(place) {
    for (const target of ["//double", "/a//b", "?a=b"]) {
      const text = await talk(place, place.port, `GET ${target} HTTP/1.1\r\n${headLines}\r\n`);
      assert.match(text, /^HTTP\/1\.1 400 /, target);
    }
  },
  async "encoded dot segments are refused (GHSA-2q7r-29rg-6m5h); ... in a name is none"(place) {
    const text = await talk(place, place.port, `GET /ho/%2E%2E/hi HTTP/1.1\r\n${headLines}\r\n`);
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.equal((await send(`${place.url}/a/[...slug]`, { headers })).status, 200);
    assert.equal((await send(`${place.url}/a/...`, { headers })).status, 200);
  },
  async "a body is passed on byte for byte, whatever its type says (GHSA-v2v2-hph8-q5xp)"(place) {
    const body = '"{\\"method\\":\\"x\\"}"';
    const type = { "Content-Type": "application/json ; charset=utf-8" };
    const sent = { method: "POST", headers: { ...headers, ...type }, body };
    assert.equal((await send(`${place.url}/json`, sent)).text, `POST /json ${body}`);
  },
  async "GET and HEAD may have a body"(place) {
    const sent = { headers, body: "x" };
    assert.equal((await send(`${place.url}/get`, { ...sent, method: "GET" })).text, "GET /get x");
    assert.equal((await send(`${place.url}/head`, { ...sent, method: "HEAD" })).status, 200);
    assert.equal(place.arrived("/head")[0]?.headers["content-length"], "1");
  },
  async "what Connection nominates goes no further, and the framing stays"(place) {
    const text = await talk(
      place,
      place.port,
      `POST /nominated HTTP/1.1\r\n${headLines}X-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nContent-Length: 2\r\nConnection: close, x-one, X-TWO\r\n\r\nhi`,
    );
    assert.match(text, /POST \/nominated hi/);
    const [{ headers: got } = { headers: {} as http.IncomingHttpHeaders }] =
      place.arrived("/nominated");
    assert.deepEqual([got["x-one"], got["x-two"], got["x-three"]], [undefined, undefined, "3"]);
  },
  async "X-Forwarded-* of a stranger are made anew"(place) {
    const forged = { "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https" };
    await send(`${place.url}/forwarded`, { headers: { ...headers, ...forged } });
    const [request] = place.arrived("/forwarded");
    assert.equal(request?.headers["x-forwarded-for"], "127.0.0.1");
    assert.equal(request?.headers["x-forwarded-proto"], "http");
  },
  async "503 with Retry-After is an answer like any other, and is not tried again"(place) {
    const { status, headers: got } = await send(`${place.rawUrl}/busy`, { headers });
    assert.deepEqual([status, got["retry-after"]], [503, "1"]);
    assert.equal(timesAsked(place, "GET /busy "), 1);
  },
  async "a POST whose connection dies is not sent again"(place) {
    const { status } = await send(`${place.rawUrl}/dies`, { method: "POST", headers, body: "x" });
    assert.equal(status, 502);
    assert.equal(timesAsked(place, "POST /dies "), 1);
  },
  async "a response that is cut short is never whole"(place) {
    assert.equal(await isWhole(`${place.rawUrl}/broken`), false);
  },
  async "an upgrade that the application refuses, or whose connection it drops, is answered"(
    place,
  ) {
    const refused = await talk(place, place.rawPort, handshake("/refused"));
    assert.match(refused, /^HTTP\/1\.1 401 No\r\n[\s\S]*no$/);
    assert.match(await talk(place, place.rawPort, handshake("/dies")), /^HTTP\/1\.1 502 /);
  },
  async "a client that leaves in the middle of its handshake breaks nothing"(place) {
    const raw = await place.open(place.rawPort);
    raw.write(handshake("/silent"));
    await until(() => place.received.some((text) => text.startsWith("GET /silent ")));
    raw.socket.resetAndDestroy();
    assert.equal((await send(`${place.rawUrl}/cookies`, { headers })).status, 200);
  },
  async "a handshake by another method than GET reaches no WebSocket"(place) {
    const { length } = place.upgraded;
    const text = await talk(place, place.port, handshake("/chat").replace("GET", "POST"));
    assert.match(text, /^HTTP\/1\.1 4\d\d /);
    assert.equal(place.upgraded.length, length);
  },
  async "messages of every size and kind, compressed and not, pass both ways"(place) {
    const socket = await webSocket(place);
    assert.match(socket.extensions, /permessage-deflate/);
    for (const message of ["", "a", "x".repeat(125), "y".repeat(126), Buffer.alloc(70_000, 7)]) {
      socket.send(message);
      const [data, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
      assert.equal(data.toString("latin1"), message.toString("latin1"));
      assert.equal(isBinary, typeof message !== "string");
    }
    socket.terminate();
  },
  async "a ping between the parts of a message is answered, and the message is whole"(place) {
    const raw = await place.open(place.port);
    raw.write(handshake("/chat"));
    await raw.until(/\r\n\r\n/);
    raw.write(
      Buffer.concat([frame(0x01, "a".repeat(150)), frame(0x89, "p"), frame(0x80, "b".repeat(150))]),
    );
    await raw.until(/p[\s\S]*a{150}b{150}$/);
    raw.socket.destroy();
  },
  async "bytes behind the handshake in its packet are the first ones of the connection"(place) {
    const raw = await place.open(place.port);
    raw.write(Buffer.concat([Buffer.from(handshake("/chat")), frame(0x81, "at once")]));
    await raw.until(/at once$/);
    raw.socket.destroy();
  },
  async "subprotocols and close codes with their reasons pass both ways"(place) {
    const one = await webSocket(place, ["graphql-ws", "other"]);
    assert.equal(one.protocol, "graphql-ws");
    one.close(4002, "by the client");
    await until(() => place.closed.includes("4002 by the client"));
    const two = await webSocket(place);
    two.send("close");
    const [code, reason] = (await once(two, "close")) as [number, Buffer];
    assert.equal(`${code} ${reason}`, "4001 by the application");
  },
  async "what is wrong in a frame is left to its ends"(place) {
    const raw = await place.open(place.port);
    raw.write(handshake("/chat"));
    await raw.until(/\r\n\r\n/);
    // RSV2 is nobody's: the application closes with 1002.
    raw.write(frame(0xa1, "x"));
    assert.ok((await raw.untilClosed()).includes(Buffer.from([0x03, 0xea]).toString("latin1")));
  },
};

const rows = firstCells("docs/peers.md", "what");

describe("what peers' own suites ask for", () => {
  it("is in docs/peers.md, line by line", () => {
    assert.deepEqual(rows.sort(), Object.keys(cases).sort());
  });

  it("holds, or is meant otherwise", { timeout: 120_000 }, async (t) => {
    const place = await start(t);
    const all = Object.entries(cases).map(([what, hold]) => t.test(what, () => hold(place)));
    await Promise.all(all);
  });
});
