import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send, statusesIn } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const headers = { token: makeToken() };

/** An application that speaks bytes; `talk` is called with each request's connection. */
async function rawApplication(t: TestContext, talk: (socket: Socket, text: string) => void) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => talk(socket, data.toString("latin1")));
  });
  return `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
}

async function assertServes(url: string): Promise<void> {
  assert.equal((await send(`${url}/healthz`)).status, 200);
}

describe("an application", () => {
  it("that is down is answered 502 as JSON, again and again", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    application.server.close();
    application.server.closeAllConnections();
    for (let round = 0; round < 3; round += 1) {
      const reply = await send(`${gate.url}/me`, { headers });
      assert.equal(reply.status, 502);
      assert.deepEqual(reply.json, {
        error: "upstream_unreachable",
        message: "The application cannot be reached.",
      });
    }
    await assertServes(gate.adminUrl);
  });

  it("that hangs is answered 504 as JSON", async (t) => {
    const application = await startApplication(t, () => {});
    const yaml = `upstream: { url: "${application.url}", responseTimeout: 50ms }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const reply = await send(`${gate.url}/me`, { headers });
    assert.equal(reply.status, 504);
    assert.equal(reply.json["error"], "upstream_timeout");
    await assertServes(gate.adminUrl);
  });

  const malformed: Record<string, string> = {
    "that is not HTTP": "220 ready\r\n",
    "with a status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
    "with a status out of range": "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
    "with a control byte in its reason": "HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n",
    "with a control byte in a header": "HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n",
    "with length and coding":
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "that breaks off in its head": "HTTP/1.1 200 OK\r\nContent-Le",
    "with an endless head": `HTTP/1.1 200 OK\r\nX: ${"a".repeat(100_000)}\r\n\r\n`,
    "that switches protocols unasked": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
  };
  for (const [what, response] of Object.entries(malformed)) {
    it(`with an answer ${what} is answered 502, and nothing falls over`, async (t) => {
      const upstream = await rawApplication(t, (socket) => socket.end(response, "latin1"));
      const gate = await startGate(t, { upstream });
      const reply = await send(`${gate.url}/me`, { headers });
      assert.equal(reply.status, 502, reply.text);
      assert.equal(reply.json["error"], "upstream_unreachable");
      await assertServes(gate.adminUrl);
    });
  }

  const bodiless: Record<string, string> = {
    "of no length": "Content-Length: 0\r\n\r\n",
    "in no chunks": "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "in no chunks, with a trailer": "Transfer-Encoding: chunked\r\n\r\n0\r\nX-End: c\r\n\r\n",
    "until the end of its connection": "Connection: close\r\n\r\n",
  };
  for (const [how, rest] of Object.entries(bodiless)) {
    it(`that answers without a body, ${how}, is heard all the same`, async (t) => {
      const upstream = await rawApplication(t, (socket) => {
        socket.write(`HTTP/1.1 404 Gone Away\r\nX-A: b\r\n${rest}`);
        if (rest.includes("close")) socket.end();
      });
      const gate = await startGate(t, { upstream });
      const reply = await send(`${gate.url}/me`, { headers });
      assert.equal(reply.status, 404);
      assert.equal(reply.headers["x-a"], "b");
      assert.equal(reply.text, "");
    });
  }

  const broken: Record<string, string> = {
    "by length": "Content-Length: 10\r\n\r\nhello",
    "by chunks": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  };
  for (const [how, rest] of Object.entries(broken)) {
    it(`that breaks off in a body sent ${how} leaves a broken response, not a short one`, async (t) => {
      const upstream = await rawApplication(t, (socket) =>
        socket.end(`HTTP/1.1 200 OK\r\n${rest}`),
      );
      const gate = await startGate(t, { upstream });
      await assert.rejects(send(`${gate.url}/me`, { headers }), { code: "ECONNRESET" });

      // For an HTTP/1.0 client the end of the connection is the end of the body: it must be a reset.
      const raw = await openRaw(t, gate.port);
      const failed = once(raw.socket, "error");
      raw.write(`GET /me HTTP/1.0\r\nHost: a\r\ntoken: ${headers.token}\r\n\r\n`);
      assert.equal(((await failed) as [NodeJS.ErrnoException])[0].code, "ECONNRESET");
      await assertServes(gate.adminUrl);
    });
  }

  it("that answers before it has read the body is heard, and the connection lives on", async (t) => {
    const application = await startApplication(t, (_request, response) => {
      response.writeHead(413);
      response.end("too much");
    });
    const gate = await startGate(t, { upstream: application.url });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const body = Buffer.alloc(4 * 1024 * 1024);
    const reply = await send(`${gate.url}/up`, { method: "POST", headers, body, agent });
    assert.deepEqual([reply.status, reply.text], [413, "too much"]);
    assert.equal((await send(`${gate.url}/up`, { headers, agent })).status, 413);
  });

  it("that closes idle connections at the wrong moment costs no GET, and no POST is sent twice", async (t) => {
    const requests: string[] = [];
    const served = new WeakSet<Socket>();
    const upstream = await rawApplication(t, (socket, text) => {
      requests.push(text.split(" ", 1)[0] ?? "");
      // The second request on a connection finds it being closed.
      if (served.has(socket)) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      served.add(socket);
    });
    const yaml = `upstream: { url: "${upstream}", maxConnections: 1 }`;
    const gate = await startGate(t, { upstream, yaml });
    assert.equal((await send(`${gate.url}/a`, { headers })).status, 200);
    assert.equal((await send(`${gate.url}/b`, { headers })).status, 200);
    const post = await send(`${gate.url}/c`, { method: "POST", headers, body: "x" });
    assert.equal(post.status, 502);
    assert.deepEqual(requests, ["GET", "GET", "GET", "POST"]);
  });

  it("that sends interim responses without end is given up", async (t) => {
    const upstream = await rawApplication(t, (socket) => {
      const timer = setInterval(() => socket.write("HTTP/1.1 102 Processing\r\n\r\n".repeat(9)), 1);
      socket.on("close", () => clearInterval(timer));
    });
    const gate = await startGate(t, { upstream });
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 502);
  });

  it("that sends 100 unasked, and many interim responses, is heard", async (t) => {
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(50);
    const upstream = await rawApplication(t, (socket) => {
      socket.write(`HTTP/1.1 100 Continue\r\n\r\n${hints}`);
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    const gate = await startGate(t, { upstream });
    const raw = await openRaw(t, gate.port);
    raw.write(`GET /me HTTP/1.1\r\nHost: a\r\ntoken: ${headers.token}\r\n\r\n`);
    await raw.until(/\r\n\r\nok$/);
    assert.deepEqual(statusesIn(raw.received()), [...Array(50).fill(103), 200]);
  });

  it("that speaks HTTP/2 only is answered 502, and the log says so", async (t) => {
    const server = createHttp2Server();
    server.on("sessionError", () => {});
    const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
    const gate = await startGate(t, { upstream });
    for (let round = 0; round < 3; round += 1) {
      const reply = await send(`${gate.url}/me`, { headers });
      assert.deepEqual([reply.status, reply.json["error"]], [502, "upstream_unreachable"]);
    }
    assert.equal(gate.logged().split("the application speaks HTTP/2 only").length, 4);
  });

  it("whose body is no HTTP from its first byte on is answered 502, not with a broken response", async (t) => {
    const upstream = await rawApplication(
      t,
      (socket) => void socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcx"),
    );
    const gate = await startGate(t, { upstream });
    const reply = await send(`${gate.url}/me`, { headers });
    assert.deepEqual([reply.status, reply.json["error"]], [502, "upstream_unreachable"]);
  });
});

describe("a client that leaves", () => {
  it("is noticed by the application before and during the response", async (t) => {
    let left = () => {};
    const application = await startApplication(t, (request, response) => {
      response.on("close", () => left());
      if (request.url === "/during") response.write("x");
    });
    const gate = await startGate(t, { upstream: application.url });
    for (const path of ["/before", "/during"]) {
      const noticed = new Promise<void>((resolve) => {
        left = resolve;
      });
      const arrived = once(application.server, "request");
      const request = http.get(`${gate.url}${path}`, { headers });
      request.on("error", () => {});
      await arrived;
      if (path === "/during") {
        const [response] = (await once(request, "response")) as [IncomingMessage];
        await once(response, "data");
      }
      request.destroy();
      await noticed;
    }
  });

  it("in the middle of its body does not leave the application with a whole one", async (t) => {
    const ends: string[] = [];
    const application = await startApplication(t, (request) => {
      request.on("end", () => ends.push("end"));
      request.on("error", () => {});
    });
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    const arrived = once(application.server, "request") as Promise<[IncomingMessage]>;
    raw.write(
      `POST /x HTTP/1.1\r\nHost: a\r\ntoken: ${headers.token}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    );
    const [request] = await arrived;
    request.resume();
    const closed = new Promise((resolve) => request.on("close", resolve));
    raw.socket.destroy();
    await closed;
    assert.deepEqual(ends, []);
  });
});
