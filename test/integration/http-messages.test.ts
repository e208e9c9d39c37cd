import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ProxyRequest, type ProxyResponse } from "../../src/node-http/http-messages.ts";
import { listenOnLoopback } from "../helpers/application.ts";
import { openRaw } from "../helpers/http.ts";
import { until } from "../helpers/until.ts";
import {
  type Answering,
  answerOf,
  answers,
  classes,
  get,
  last,
  receive,
  requests,
} from "../helpers/whole-answers.ts";

const whole: Answering = (server, answer) => {
  const listener = (_: IncomingMessage, response: ProxyResponse) => response.sendWhole(answer);
  for (const event of ["request", "checkContinue"]) server.on(event, listener);
};

describe("a response sent whole", () => {
  for (const [what, answer] of Object.entries(answers)) {
    for (const [how, sent] of Object.entries(requests)) {
      it(`is what Node would have sent: ${what}, ${how}`, async (t) => {
        const expected = await receive(t, { sent }, answer);
        assert.match(expected, /^HTTP\/1\.1 2/);
        assert.equal(await receive(t, { sent }, answer, whole), expected);
      });
    }
  }

  it("says for how long the connection is kept, where it is limited", async (t) => {
    for (const keepAliveTimeout of [0, 1500, 61_000]) {
      const kept = { sent: `${get}${last}`, keepAliveTimeout };
      const expected = await receive(t, kept, answerOf());
      assert.equal(expected.includes("Keep-Alive:"), keepAliveTimeout > 0);
      assert.equal(await receive(t, kept, answerOf(), whole), expected);
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
      response.sendWhole(answerOf());
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
      const writeHead = t.mock.method(response, "writeHead");
      response.on("close", () => {
        if (writeHead.mock.callCount() > 0) went.push(request.url ?? "");
      });
      // As in a Node that keeps its head elsewhere.
      if (request.url === "/other") Object.assign(response, { _header: undefined });
      response.sendWhole(answerOf());
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
      response.sendWhole(answerOf([], Buffer.alloc(16_000)));
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
        response.sendWhole(answerOf());
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

describe("a request", () => {
  it("has all fields of one of Node's, with their values", (t) => {
    const socket = new Socket();
    t.after(() => socket.destroy());
    const [nodes, own] = [new IncomingMessage(socket), new ProxyRequest(socket)];
    // What begins later, and the name of the socket in responses.
    const others = new Set<string | symbol>(["_events", "_readableState", "_consuming", "client"]);
    const fields = Object.getOwnPropertyDescriptors(nodes) as PropertyDescriptorMap;
    for (const name of Reflect.ownKeys(fields)) {
      if (others.has(name)) continue;
      assert.deepEqual(Reflect.get(own, name), fields[name]?.value, String(name));
    }
  });
});

describe("a request's stream", () => {
  it("ends where there is no body, whenever it is read", async (t) => {
    const ended: string[] = [];
    const server = createServer(classes, async (request, response) => {
      if (request.url === "/later") await nextTurn();
      assert.equal(request.readableEnded, request.url === "/later");
      for await (const piece of request) assert.fail(`there is ${piece}`);
      ended.push(request.url ?? "");
      response.end();
    });
    const connection = await openRaw(t, await listenOnLoopback(t, server));
    for (const path of ["/now", "/later"]) connection.write(get.replace("/", path));
    connection.write(last);
    await connection.untilClosed();
    assert.deepEqual(ended.sort(), ["/", "/later", "/now"]);
  });

  it("is not begun where nobody asks for it", async (t) => {
    const apply = t.mock.method(Reflect, "apply");
    const begun = () =>
      apply.mock.calls.filter(({ arguments: [made] }) => made === Readable).length;
    const seen: IncomingMessage[] = [];
    const server = createServer(classes, (request, response) => {
      seen.push(request);
      response.end();
    });
    const connection = await openRaw(t, await listenOnLoopback(t, server));
    connection.write(get + last);
    await connection.untilClosed();
    assert.deepEqual(
      seen.map((request) => request.readableEnded),
      [true, true],
    );
    assert.equal(begun(), 0);
    seen[0]?.resume();
    assert.equal(begun(), 1);
  });

  it("is read to its end where the answer did not wait for it", async (t) => {
    const server = createServer(classes, (_, response) => response.end("ok"));
    const connection = await openRaw(t, await listenOnLoopback(t, server));
    connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    await connection.until(/ok/);
    connection.write("x".repeat(100_000) + last);
    assert.equal((await connection.untilClosed()).match(/200 OK/g)?.length, 2);
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
