import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const mebibyte = 1024 * 1024;
const token = makeToken();

/** An application that answers with the SHA-256 and the framing of what it received. */
function describeBody(request: IncomingMessage, response: http.ServerResponse): void {
  const digest = createHash("sha256");
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    digest.update(chunk);
    length += chunk.length;
  });
  request.on("end", () => {
    response.setHeader("X-Received-Length", request.headers["content-length"] ?? "none");
    response.setHeader("X-Received-Coding", request.headers["transfer-encoding"] ?? "none");
    response.end(`${length} ${digest.digest("hex")}`);
  });
}

/** Sends `length` bytes in chunks of 64 KiB, waiting where the connection asks to; resolves with the reply's text. */
async function upload(url: string, length: number, headers: http.OutgoingHttpHeaders) {
  const request = http.request(url, { method: "POST", headers: { token, ...headers } });
  const digest = createHash("sha256");
  const chunk = randomBytes(65_536);
  const answered = once(request, "response") as Promise<[IncomingMessage]>;
  for (let sent = 0; sent < length; sent += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, length - sent));
    digest.update(part);
    if (!request.write(part)) await once(request, "drain");
  }
  request.end();
  const [response] = await answered;
  let text = "";
  for await (const part of response) text += part;
  return { response, text, expected: `${length} ${digest.digest("hex")}` };
}

describe("request bodies", () => {
  for (const length of [0, 1, 65_535, 65_537, 3 * mebibyte]) {
    for (const framing of ["length", "chunks"] as const) {
      it(`of ${length} bytes arrive unchanged, sent by ${framing}`, async (t) => {
        const application = await startApplication(t, describeBody);
        const gate = await startGate(t, { upstream: application.url });
        const headers =
          framing === "length" ? { "Content-Length": length } : { "Transfer-Encoding": "chunked" };
        const { response, text, expected } = await upload(`${gate.url}/up`, length, headers);
        assert.equal(response.statusCode, 200, text);
        assert.equal(text, expected);
        if (framing === "length") {
          assert.equal(response.headers["x-received-length"], String(length));
        } else if (length > 65_536) {
          // A short body that is there at once may be sent by length.
          assert.equal(response.headers["x-received-coding"], "chunked");
        }
      });
    }
  }

  it("of a GET, a DELETE and an OPTIONS stay bodies and never become requests", async (t) => {
    const application = await startApplication(t, describeBody);
    const gate = await startGate(t, { upstream: application.url });
    const smuggled = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    const digest = createHash("sha256").update(smuggled).digest("hex");
    for (const method of ["GET", "DELETE", "OPTIONS"]) {
      const raw = await openRaw(t, gate.port);
      raw.write(
        `${method} /x HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n` +
          `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
      );
      assert.ok((await raw.untilClosed()).includes(`${smuggled.length} ${digest}`), method);
    }
    assert.deepEqual(new Set(application.seen.map(({ url }) => url)), new Set(["/x"]));
  });

  it("are asked for with 100-continue only when the verdict is yes", async (t) => {
    const application = await startApplication(t, describeBody);
    const gate = await startGate(t, { upstream: application.url });
    const head = "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n";
    const allowed = await openRaw(t, gate.port);
    allowed.write(`${head}token: ${token}\r\nConnection: close\r\n\r\n`);
    await allowed.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    allowed.write("hello");
    assert.match(await allowed.untilClosed(), /HTTP\/1\.1 200 OK[\s\S]*5 2cf24dba/);

    const refused = await openRaw(t, gate.port);
    refused.write(`${head}\r\n`);
    const text = await refused.untilClosed();
    assert.match(text, /^HTTP\/1\.1 401 /);
    assert.doesNotMatch(text, /100 Continue/);
  });
});

describe("responses", () => {
  it("keep status, reason, header order, letter case and repetition", async (t) => {
    const server = createServer((socket) => {
      socket.once("data", () => {
        socket.end(
          "HTTP/1.1 299 Quite Fine\r\nSet-Cookie: a=1\r\nX-First: 1\r\nset-cookie: b=2\r\n" +
            "WWW-Authenticate: Basic\r\nWWW-Authenticate: Digest x\r\nX-Latin: caf\xe9\r\nContent-Length: 2\r\n\r\nhi",
          "latin1",
        );
      });
    });
    const port = await listenOnLoopback(t, server);
    const gate = await startGate(t, { upstream: `http://127.0.0.1:${port}` });
    const raw = await openRaw(t, gate.port);
    raw.write(`GET /x HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\nConnection: close\r\n\r\n`);
    const text = await raw.untilClosed();
    assert.ok(
      text.startsWith(
        "HTTP/1.1 299 Quite Fine\r\nSet-Cookie: a=1\r\nX-First: 1\r\nset-cookie: b=2\r\n" +
          "WWW-Authenticate: Basic\r\nWWW-Authenticate: Digest x\r\nX-Latin: caf\xe9\r\nContent-Length: 2\r\n",
      ),
      text,
    );
    assert.ok(text.endsWith("\r\n\r\nhi"));
  });

  it("to HEAD, 204 and 304 have no body and keep their headers", async (t) => {
    const application = await startApplication(t, (request, response) => {
      if (request.method === "HEAD") {
        response.writeHead(200, { "Content-Length": "1234", ETag: '"x"' });
      } else if (request.url === "/204") {
        response.writeHead(204, { "X-A": "1" });
      } else {
        response.writeHead(304, { ETag: '"y"' });
      }
      response.end();
    });
    const gate = await startGate(t, { upstream: application.url });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const options = { headers: { token }, agent };
    const head = await send(`${gate.url}/x`, { ...options, method: "HEAD" });
    assert.equal(head.headers["content-length"], "1234");
    assert.equal(head.body.length, 0);
    const empty = await send(`${gate.url}/204`, options);
    assert.deepEqual([empty.status, empty.headers["x-a"], empty.body.length], [204, "1", 0]);
    const unchanged = await send(`${gate.url}/304`, options);
    assert.deepEqual([unchanged.status, unchanged.headers.etag], [304, '"y"']);
  });

  it("pass their head before the first byte of the body, and events as they come", async (t) => {
    let release = () => {};
    const application = await startApplication(t, (_request, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.flushHeaders();
      release = () => response.write("data: one\n\n");
    });
    const gate = await startGate(t, { upstream: application.url });
    const request = http.get(`${gate.url}/events`, { headers: { token } });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    assert.equal(response.headers["content-type"], "text/event-stream");
    // Nothing but the head has been sent; each event is written only after the one before arrived.
    for (let event = 0; event < 3; event += 1) {
      release();
      const [chunk] = (await once(response, "data")) as [Buffer];
      assert.equal(chunk.toString(), "data: one\n\n");
    }
    request.destroy();
  });

  it("pass trailers", async (t) => {
    const application = await startApplication(t, (_request, response) => {
      response.writeHead(200, { Trailer: "X-Sum" });
      response.write("hello");
      response.addTrailers({ "X-Sum": "42" });
      response.end();
    });
    const gate = await startGate(t, { upstream: application.url });
    const reply = await send(`${gate.url}/x`, { headers: { token } });
    assert.equal(reply.trailers["x-sum"], "42");
  });

  it("pass 103 to an HTTP/1.1 client and not to an HTTP/1.0 one", async (t) => {
    const application = await startApplication(t, (_request, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload; as=style" });
      response.end("ok");
    });
    const gate = await startGate(t, { upstream: application.url });
    for (const version of ["1.1", "1.0"]) {
      const raw = await openRaw(t, gate.port);
      raw.write(
        `GET /x HTTP/${version}\r\nHost: a\r\ntoken: ${token}\r\nConnection: close\r\n\r\n`,
      );
      const text = await raw.untilClosed();
      assert.equal(
        text.startsWith("HTTP/1.1 103 Early Hints\r\nLink: </a.css>"),
        version === "1.1",
      );
      assert.match(text, /HTTP\/1\.1 200 OK/);
    }
  });
});

describe("a client that does not read", () => {
  it("holds the application up instead of filling memory", async (t) => {
    const chunk = Buffer.alloc(65_536, "x");
    const total = 1000;
    let sent = 0;
    const application = await startApplication(t, async (_request, response) => {
      response.writeHead(200, { "Content-Length": total * chunk.length });
      for (; sent < total; sent += 1) {
        if (!response.write(chunk)) await once(response, "drain");
      }
      response.end();
    });
    const gate = await startGate(t, { upstream: application.url });
    const request = http.get(`${gate.url}/down`, { headers: { token } });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    // What fits into the buffers on the way is sent; then nothing moves any more.
    for (let still = 0, before = -1; still < 50; still = sent === before ? still + 1 : 0) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.ok(sent < total / 2, `${sent} of ${total} chunks were taken`);
    let length = 0;
    for await (const part of response) length += (part as Buffer).length;
    assert.equal(length, total * chunk.length);
  });
});

describe("the target", () => {
  it("arrives exactly as it was sent", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const targets = [
      "/a?b=//c&d=%2F..%2f",
      "/%7Euser/'x'/(y)!",
      "/caf%c3%a9/%6c?",
      "/?",
      "/a;b=c/d",
    ];
    for (const target of targets) {
      const raw = await openRaw(t, gate.port);
      raw.write(
        `GET ${target} HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\nConnection: close\r\n\r\n`,
      );
      assert.match(await raw.untilClosed(), /^HTTP\/1\.1 200/, target);
    }
    assert.deepEqual(
      application.seen.map(({ url }) => url),
      targets,
    );
  });
});

describe("hundreds of megabytes", () => {
  const large = 250 * mebibyte;
  // What is kept would be all of it; newer versions of Node take their time to collect what is not.
  const maxGrowth = 150 * mebibyte;

  for (const framing of ["chunks", "length"] as const) {
    it(`pass up by ${framing} unchanged while memory stays flat`, async (t) => {
      const application = await startApplication(t, describeBody);
      const gate = await startGate(t, { upstream: application.url });
      const growth = watchMemory(t);
      const headers =
        framing === "length" ? { "Content-Length": large } : { "Transfer-Encoding": "chunked" };
      const { text, expected } = await upload(`${gate.url}/up`, large, headers);
      assert.equal(text, expected);
      assert.ok(growth() < maxGrowth, `grew by ${growth()} bytes`);
    });
  }

  it("pass down unchanged to a slow reader while memory stays flat", async (t) => {
    const chunk = randomBytes(65_536);
    const application = await startApplication(t, async (_request, response) => {
      response.writeHead(200, { "Content-Length": large });
      for (let sent = 0; sent < large; sent += chunk.length) {
        if (!response.write(chunk)) await once(response, "drain");
      }
      response.end();
    });
    const gate = await startGate(t, { upstream: application.url });
    const growth = watchMemory(t);
    const request = http.get(`${gate.url}/down`, { headers: { token } });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const digest = createHash("sha256");
    let length = 0;
    for await (const part of response) {
      digest.update(part as Buffer);
      length += (part as Buffer).length;
      // Slower than the application: only backpressure keeps the rest from piling up.
      if (length % (8 * mebibyte) < 65_536) await new Promise((resolve) => setImmediate(resolve));
    }
    const expected = createHash("sha256");
    for (let sent = 0; sent < large; sent += chunk.length) expected.update(chunk);
    assert.equal(length, large);
    assert.equal(digest.digest("hex"), expected.digest("hex"));
    assert.ok(growth() < maxGrowth, `grew by ${growth()} bytes`);
  });
});

/** The most that buffers and heap grew beyond what they were; application, gate and client share this process. */
function watchMemory(t: TestContext): () => number {
  const used = () => process.memoryUsage().external + process.memoryUsage().heapUsed;
  const start = used();
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, used() - start);
  }, 5);
  t.after(() => clearInterval(timer));
  return () => most;
}
