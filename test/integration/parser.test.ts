import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { startApplication } from "../helpers/application.ts";
import { testedEngine } from "../helpers/engine.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send, statusesIn } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const token = makeToken();
const head = `Host: a\r\ntoken: ${token}\r\n`;

describe("what can be read in more than one way", () => {
  const ambiguous: Record<string, string> = {
    "Transfer-Encoding with Content-Length": `POST / HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "two lengths that differ": `POST / HTTP/1.1\r\n${head}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`,
    "a coding besides chunked": `POST / HTTP/1.1\r\n${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    "an obfuscated coding": `POST / HTTP/1.1\r\n${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    "no Host": `GET / HTTP/1.1\r\ntoken: ${token}\r\n\r\n`,
    "two Hosts": `GET / HTTP/1.1\r\n${head}Host: b\r\n\r\n`,
    "an absolute target": `GET http://evil/ HTTP/1.1\r\n${head}\r\n`,
    "a double slash": `GET //x HTTP/1.1\r\n${head}\r\n`,
    "a fragment": `GET /x#y HTTP/1.1\r\n${head}\r\n`,
    CONNECT: `CONNECT a:1 HTTP/1.1\r\n${head}\r\n`,
    TRACE: `TRACE / HTTP/1.1\r\n${head}\r\n`,
    "an asterisk": `OPTIONS * HTTP/1.1\r\n${head}\r\n`,
    "a bare line feed": `GET / HTTP/1.1\nHost: a\ntoken: ${token}\n\n`,
    "a space before a colon": `GET / HTTP/1.1\r\n${head}X-A : 1\r\n\r\n`,
    "a folded line": `GET / HTTP/1.1\r\n${head}X-A: 1\r\n 2\r\n\r\n`,
    "an unknown method": `LOGOUT / HTTP/1.1\r\n${head}\r\n`,
    "HTTP/0.9": "GET /\r\n\r\n",
    "HTTP/2": `GET / HTTP/2.0\r\n${head}\r\n`,
  };
  for (const [what, text] of Object.entries(ambiguous)) {
    it(`is refused, and the connection closed: ${what}`, async (t) => {
      const application = await startApplication(t);
      const gate = await startGate(t, { upstream: application.url });
      const raw = await openRaw(t, gate.port);
      raw.write(`${text}GET /second HTTP/1.1\r\n${head}\r\n`);
      const answer = await raw.untilClosed();
      assert.deepEqual(statusesIn(answer), [400], answer);
      assert.match(answer, /"error":"request_ambiguous"/);
      assert.match(answer, /\r\nConnection: close\r\n/);
      assert.equal(application.seen.length, 0);
    });
  }
});

describe("what cannot follow an answer", () => {
  const upgrade = `GET / HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  const followers: Record<string, string> = {
    garbage: "GARBAGE!!\r\n\r\n",
    "an upgrade": upgrade,
    CONNECT: `CONNECT a:1 HTTP/1.1\r\n${head}\r\n`,
  };
  for (const [what, text] of Object.entries(followers)) {
    it(`closes the connection behind it: ${what}`, async (t) => {
      const application = await startApplication(t);
      const gate = await startGate(t, { upstream: application.url });
      const raw = await openRaw(t, gate.port);
      raw.write(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${text}`);
      const [first, ...more] = statusesIn(await raw.untilClosed());
      assert.equal(first, 401);
      // In Node's own way the answer has left by then: what follows is a request of its own, and the last.
      const most = testedEngine === "direct" ? 0 : 1;
      assert.equal(more.length, most);
      assert.ok(application.seen.length <= most);
    });
  }
});

describe("what comes behind a request with Connection: close", () => {
  it("does not count, and takes nothing from the answer", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const last = `GET /last HTTP/1.1\r\n${head}Connection: close\r\n\r\n`;
    for (const behind of [`GET /x HTTP/1.1\r\n${head}\r\n`, "GARBAGE\r\n\r\n"]) {
      const raw = await openRaw(t, gate.port);
      raw.write(last + behind);
      const received = await raw.untilClosed();
      assert.deepEqual(statusesIn(received), [200], received);
      assert.ok(received.endsWith("ok"), received);
    }
    assert.deepEqual(
      application.seen.map(({ url }) => url),
      ["/last", "/last"],
    );
  });
});

describe("an upgrade behind an answer that is not taken", () => {
  it("ends nothing but its connection, even where that is reset at once", async (t) => {
    const body = Buffer.alloc(8_000_000);
    const application = await startApplication(t, (_request, response) => response.end(body));
    const gate = await startGate(t, { upstream: application.url });
    const behind = `GET / HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    for (let round = 0; round < 10; round += 1) {
      const clients = Array.from({ length: 10 }, async () => {
        const socket = connect(gate.port, "127.0.0.1").on("error", () => {});
        t.after(() => socket.destroy());
        socket.write(`GET / HTTP/1.1\r\n${head}\r\n`);
        await once(socket, "readable");
        // Until no more of the answer goes on its way.
        for (let turn = 0; turn < 300; turn += 1) await nextTurn();
        socket.write(behind);
        socket.resetAndDestroy();
      });
      await Promise.all(clients);
    }
    assert.equal((await send(`${gate.url}/`, { headers: { token } })).status, 200);
  });
});

describe("limits", () => {
  it("answer a head that is too large with 431, as JSON", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    raw.write(`GET / HTTP/1.1\r\n${head}X-A: ${"a".repeat(17_000)}\r\n\r\n`);
    assert.match(await raw.untilClosed(), /^HTTP\/1\.1 431 [\s\S]*"error":"request_too_large"/);
  });

  it("answer too many header lines with 431, as JSON, and let as many pass as are allowed", async (t) => {
    const application = await startApplication(t);
    const yaml = "cors: { preflight: forward }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const [auth, short] = [`token: ${makeToken()}\r\n`, "X: a\r\n"];
    const preflight = "Origin: http://a\r\nAccess-Control-Request-Method: GET\r\n";
    const exchange = async (first: string, lines: string) => {
      const raw = await openRaw(t, gate.port);
      raw.write(`${first} HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\n${lines}\r\n`);
      return raw.untilClosed();
    };
    assert.match(await exchange("GET /", auth + short.repeat(252)), /^HTTP\/1\.1 200 /);
    const received = application.seen.at(-1)?.rawHeaders ?? [];
    assert.equal(received.filter((name) => name === "X").length, 252);
    for (const [first, lines] of [
      ["GET /", auth + short.repeat(253)],
      ["GET /", auth + short.repeat(1000)],
      ["GET /", short.repeat(1000) + auth],
      ["GET /", `${auth}${short.repeat(1000)}Upgrade: websocket\r\n`],
      ["GET /", `Upgrade: websocket\r\n${auth}${short.repeat(1000)}`],
      ["OPTIONS /", preflight + short.repeat(252)],
      ["OPTIONS /", `${preflight}${short.repeat(1000)}Content-Length: 1\r\n`],
    ] as const) {
      assert.match(
        await exchange(first, lines),
        /^HTTP\/1\.1 431 [\s\S]*\r\nConnection: close\r\n[\s\S]*"error":"request_too_large"/,
      );
    }
    assert.equal(application.seen.length, 1);
  });

  it("answer a head that does not come in time with 408, as JSON", async (t) => {
    const application = await startApplication(t);
    const yaml = "limits: { headersTimeout: 100ms, requestTimeout: 200ms, drainTimeout: 0s }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const raw = await openRaw(t, gate.port);
    raw.write("GET / HTTP/1.1\r\nHost: a\r\n");
    assert.match(await raw.untilClosed(), /^HTTP\/1\.1 408 [\s\S]*"error":"request_timeout"/);
  });

  it("answer pipelined requests in order, and as many as wait at most", async (t) => {
    const application = await startApplication(t, (request, response) => response.end(request.url));
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    const requests = Array.from({ length: 200 }, (_, i) => `GET /${i} HTTP/1.1\r\n${head}\r\n`);
    raw.write(requests.join(""));
    const answer = await raw.untilClosed();
    const answered = statusesIn(answer);
    assert.ok(answered.length > 1 && answered.length < 200, `${answered.length} answered`);
    assert.ok(answered.every((status) => status === 200));
    const order = application.seen.map(({ url }) => url);
    assert.deepEqual(
      order,
      order.map((_, i) => `/${i}`),
    );
    assert.equal(order.length, answered.length);
  });

  it("answer a hundred refusals of one packet, with and without an upgrade, so that others have their turn", async (t) => {
    const gate = await startGate(t, { upstream: "http://127.0.0.1:1" });
    // With the engine of Node, an ignored upgrade is the last request of its connection.
    const upgrade = testedEngine === "direct" ? ["Connection: upgrade\r\nUpgrade: a\r\n"] : [];
    for (const more of ["", ...upgrade]) {
      const request = `GET / HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
      const few = await openRaw(t, gate.port);
      few.write(request.repeat(30));
      await few.untilTimes("HTTP/1.1 401", 30);
      const raw = await openRaw(t, gate.port);
      raw.write(request.repeat(65_536 / request.length));
      const statuses = statusesIn(await raw.untilClosed());
      assert.ok(statuses.length > 0 && statuses.length < 300, `${statuses.length} answered`);
      assert.equal(few.socket.readableEnded, false);
    }
  });
});
