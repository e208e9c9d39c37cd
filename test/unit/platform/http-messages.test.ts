import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ProxyRequest, ProxyResponse } from "../../../src/platform/http-messages.ts";
import { listenOnLoopback } from "../../helpers/application.ts";
import { openRaw } from "../../helpers/http.ts";
import { until } from "../../helpers/store.ts";

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

const classes = { IncomingMessage: ProxyRequest, ServerResponse: ProxyResponse };
const hello = Buffer.from("hello");

function answerOf(more: readonly string[] = [], body: Buffer = hello): Answer {
  const headers = ["Content-Type", "text/plain", "content-length", String(body.length), ...more];
  return { status: 200, reason: "OK", headers, body };
}

/** What a client receives until its connection ends, which its last request asks for; the date made equal. */
async function receive(
  t: TestContext,
  answer: Answer,
  sent: string,
  whole: boolean,
  keepAliveTimeout = 5000,
): Promise<string> {
  const server = createServer({ keepAliveTimeout, ...(whole && classes) });
  const listener = (_: IncomingMessage, response: ServerResponse) => {
    const { status, reason, headers, body } = answer;
    if (response instanceof ProxyResponse)
      response.sendWhole(status, reason, headers, body.toString("latin1"));
    else response.writeHead(status, reason, [...headers]).end(body);
  };
  for (const event of ["request", "checkContinue"]) server.on(event, listener);
  const connection = await openRaw(t, await listenOnLoopback(t, server));
  connection.write(sent);
  const received = await connection.untilClosed();
  return received.replaceAll(/\r\nDate: \w{3}, [^\r]* GMT\r\n/g, "\r\nDate: then\r\n");
}

const last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

const requests: Record<string, string> = {
  "one request and another": `${get}${last}`,
  "ten at once": `${get.repeat(10)}${last}`,
  HEAD: `HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${last}`,
  "one with a body that nobody reads": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${last}`,
  "one with a chunked body": `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n${last}`,
  "one with an empty body": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n${last}`,
  "one that waits for 100 Continue":
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
  "HTTP/1.0": "GET / HTTP/1.0\r\n\r\n",
  "HTTP/1.0 that is kept": `GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${last}`,
};

const answers: Record<string, Answer> = {
  "a short answer": answerOf(),
  "an empty one": answerOf([], Buffer.alloc(0)),
  "one with a date of its own": answerOf(["DATE", "yesterday"]),
  "bytes beyond ASCII": answerOf(["X-Name", "caf\xe9"], Buffer.from([0, 0xe9, 0xff, 0x80])),
  "another reason": { ...answerOf(), status: 299, reason: "Wh\xff not" },
  "a long one": answerOf([], Buffer.alloc(100_000, "é")),
  "one as long as goes at once, and a byte": answerOf([], Buffer.alloc(16_384, "x")),
  "one that does not say how long it is": { ...answerOf(), headers: ["X-A", "b"] },
};

describe("a response sent whole", () => {
  for (const [what, answer] of Object.entries(answers)) {
    for (const [how, sent] of Object.entries(requests)) {
      it(`is what Node would have sent: ${what}, ${how}`, async (t) => {
        const expected = await receive(t, answer, sent, false);
        assert.match(expected, /^HTTP\/1\.1 2/);
        assert.equal(await receive(t, answer, sent, true), expected);
      });
    }
  }

  it("says for how long the connection is kept, where it is limited", async (t) => {
    for (const timeout of [0, 1500, 61_000]) {
      const expected = await receive(t, answerOf(), `${get}${last}`, false, timeout);
      assert.equal(expected.includes("Keep-Alive:"), timeout > 0);
      assert.equal(await receive(t, answerOf(), `${get}${last}`, true, timeout), expected);
    }
  });

  it("is over once the client has it, and then only", async (t) => {
    const seen: unknown[] = [];
    const server = createServer(classes, (_, response) => {
      const note = (event: string) => {
        seen.push([event, response.headersSent, response.writableEnded, response.writableFinished]);
      };
      note("begun");
      response.on("finish", () => note("finish")).on("close", () => note("close"));
      const { status, reason, headers, body } = answerOf();
      response.sendWhole(status, reason, headers, body.toString("latin1"));
      assert.equal(response.statusCode, 200);
      assert.throws(() => response.writeHead(200), { code: "ERR_HTTP_HEADERS_SENT" });
    });
    const connection = await openRaw(t, await listenOnLoopback(t, server));
    connection.write(last.replace("close", "keep-alive"));
    await connection.until(/hello/);
    connection.write(last);
    await connection.untilClosed();
    const whole = [
      ["begun", false, false, false],
      ["finish", true, true, true],
      ["close", true, true, true],
    ];
    assert.deepEqual(seen.slice(0, 3), whole);
    assert.equal(seen.length, 6);
  });

  it("takes the short way where it can, and else the long one", async (t) => {
    const went: string[] = [];
    const server = createServer(classes, (request, response) => {
      const { status, reason, headers, body } = answerOf();
      const writeHead = t.mock.method(response, "writeHead");
      response.on("close", () => {
        if (writeHead.mock.callCount() > 0) went.push(request.url ?? "");
      });
      // As in a Node that keeps its head elsewhere.
      if (request.url === "/other") Object.assign(response, { _header: undefined });
      response.sendWhole(status, reason, headers, body.toString("latin1"));
    });
    const connection = await openRaw(t, await listenOnLoopback(t, server));
    for (const path of ["/short", "/other", "/short"]) {
      connection.write(get.replace("/", path));
      await connection.until(/hello$/);
      connection.socket.resume();
    }
    connection.write(last);
    await connection.untilClosed();
    assert.deepEqual(went, ["/other", "/"]);
  });

  it("leaves nothing behind where the connection ends before the client has it", async (t) => {
    let begun = 0;
    let closed = 0;
    const server = createServer(classes, ({ socket }, response) => {
      begun += 1;
      response.on("close", () => {
        closed += 1;
      });
      const { status, reason, headers, body } = answerOf([], Buffer.alloc(16_000));
      response.sendWhole(status, reason, headers, body.toString("latin1"));
      if (socket.writableLength === 0) connection.write(get);
      else connection.socket.destroy();
    });
    const connection = await openRaw(t, await listenOnLoopback(t, server));
    connection.socket.pause();
    connection.write(get);
    await new Promise((resolve) => connection.socket.once("close", resolve));
    // Waits for every connection.
    await new Promise((resolve) => server.close(resolve));
    await until(() => closed === begun);
    assert.ok(begun > 1);
  });
});

describe("a response sent whole, on a connection that ends in the same turn", () => {
  for (const how of ["end", "destroy"] as const) {
    it(`is not sent any more, and nothing goes wrong: ${how}`, async (t) => {
      const errors: unknown[] = [];
      const server = createServer(classes, ({ socket }, response) => {
        socket.on("error", (error) => errors.push(error));
        const { status, reason, headers, body } = answerOf();
        response.sendWhole(status, reason, headers, body.toString("latin1"));
        socket[how]();
      });
      server.on("clientError", (error, socket) => {
        errors.push(error);
        socket.destroy();
      });
      const connection = await openRaw(t, await listenOnLoopback(t, server));
      connection.write(get);
      assert.equal(await connection.untilClosed(), "");
      connection.socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      assert.deepEqual(errors, []);
    });
  }
});

describe("a request without a body", () => {
  it("is never read, one with a body is", async (t) => {
    const ended: string[] = [];
    const server = createServer(classes, (request, response) => {
      request.on("end", () => ended.push(request.url ?? ""));
      response.end();
    });
    const connection = await openRaw(t, await listenOnLoopback(t, server));
    const post = "HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    connection.write(
      `GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b ${post}GET /c HTTP/1.1\r\nHost: a\r\n\r\n${last}`,
    );
    await connection.untilClosed();
    assert.deepEqual(ended, ["/b"]);
  });
});

describe("a request's body", () => {
  const longest = 3000;

  /** Pieces of every length around the one from which they are handed on as they come. */
  function makePieces(seed: number): Buffer[] {
    return Array.from({ length: 200 }, (_, i) => {
      const random = createHash("sha256").update(`${seed} ${i}`).digest();
      const length = i % 3 === 0 ? 1 : 1 + (random.readUInt16BE(0) % (i % 3 === 1 ? 30 : longest));
      return Buffer.alloc(length, random);
    });
  }

  for (let seed = 0; seed < 20; seed += 1) {
    it(`arrives whole and in order, however it comes and is read (${seed})`, async (t) => {
      const received = new Promise<Buffer>((resolve, reject) => {
        const server = createServer(classes, async (request, response) => {
          const taken: Buffer[] = [];
          // Nobody takes it at first; then it is taken in fits and starts.
          for (let turn = 0; turn < seed; turn += 1) await nextTurn();
          request.on("data", (piece: Buffer) => {
            taken.push(piece);
            if ((taken.length + seed) % 4 !== 0) return;
            request.pause();
            setImmediate(() => request.resume());
          });
          request.on("error", reject);
          request.on("end", () => {
            response.end();
            resolve(Buffer.concat(taken));
          });
        });
        void listenOnLoopback(t, server).then(async (port) => {
          const connection = await openRaw(t, port);
          connection.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
          for (const [i, piece] of makePieces(seed).entries()) {
            connection.write(`${piece.length.toString(16)}\r\n`);
            connection.write(piece);
            connection.write("\r\n");
            if (i % (seed + 1) === 0) await nextTurn();
          }
          connection.write("0\r\n\r\n");
        });
      });
      assert.ok((await received).equals(Buffer.concat(makePieces(seed))));
    });
  }

  it("is not taken from the client as long as nobody takes it here", async (t) => {
    const begun: IncomingMessage[] = [];
    const server = createServer(classes, (request, response) => {
      if (request.method === "POST") begun.push(request);
      else response.end();
    });
    const port = await listenOnLoopback(t, server);
    const connection = await openRaw(t, port);
    connection.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.write("1\r\nx\r\n".repeat(400_000));
    // By the time that others have been answered so often, it has had all that it gets.
    for (let i = 0; i < 50; i += 1) {
      const other = await openRaw(t, port);
      other.write(last);
      await other.untilClosed();
    }
    const read = begun[0]?.socket.bytesRead ?? 0;
    assert.ok(read > 10_000 && read < 1_000_000, `${read} bytes were read`);
  });
});
