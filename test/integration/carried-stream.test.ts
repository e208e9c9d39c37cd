import assert from "node:assert/strict";
import type { ServerHttp2Stream } from "node:http2";
import { connect as connectTo, createServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback } from "../helpers/application.ts";
import {
  block,
  type Fields,
  flags,
  frame,
  preface,
  types,
  uint32,
} from "../helpers/http2-frames.ts";
import { makeExchange, startPool, type TestPool } from "../helpers/session-pools.ts";

const [internalError, refusedStream] = [2, 7];

type Exchanging = Parameters<typeof makeExchange>[1];

/** Sends one request to an application that does this with its stream; resolves with what was told of it. */
async function exchange(
  t: TestContext,
  answer: (stream: ServerHttp2Stream, pool: TestPool) => void,
  { pool: options, ...asked }: Exchanging & { pool?: Parameters<typeof startPool>[2] } = {},
) {
  const place: TestPool = await startPool(t, (stream) => answer(stream, place), options);
  const sent = makeExchange("/", asked);
  place.pool.carry(sent);
  await sent.ended;
  return { ...place, told: sent.told, trailers: sent.trailers };
}

describe("a request on a stream of HTTP/2", () => {
  it("is told of each part as it comes: interim heads, head, body, trailers", async (t) => {
    const { told, trailers } = await exchange(t, (stream) => {
      stream.additionalHeaders({ ":status": 103 });
      stream.respond({ ":status": 201 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "5" }));
      stream.end("hello");
    });
    assert.deepEqual(told, ["interim 103", "head 201", "data hello", "end"]);
    assert.deepEqual(trailers, ["x-sum", "5"]);
  });

  it("has its body and trailers sent on", async (t) => {
    const received: string[] = [];
    const { told } = await exchange(
      t,
      (stream) => {
        stream.on("data", (chunk) => received.push(String(chunk)));
        stream.on("trailers", (trailers) => received.push(String(trailers["x-sum"])));
        stream.on("end", () => stream.respond({ ":status": 204 }, { endStream: true }));
      },
      {
        method: "POST",
        send(carrier) {
          carrier.writeBody(Buffer.from("hello"));
          carrier.endBody(["X-Sum", "5"]);
        },
      },
    );
    assert.deepEqual(told, ["head 204", "whole "]);
    assert.deepEqual(received, ["hello", "5"]);
  });

  it("was not processed if the application says so, and only then", async (t) => {
    const refused = await exchange(t, (stream) => stream.close(refusedStream));
    assert.match(refused.told.join(), /^unprocessed error /);
    const broken = await exchange(t, (stream) => stream.close(internalError));
    assert.match(broken.told.join(), /^error /);
  });

  const breaks: Record<string, (stream: ServerHttp2Stream, pool: TestPool) => void> = {
    "the stream": (stream) => stream.destroy(new Error("broken off")),
    "the session": ({ session }) => session?.destroy(),
    "the session, for an error": ({ session }) =>
      session?.destroy(new Error("broken"), internalError),
    "the connection": (_stream, { wires }) => void wires[0]?.destroy(),
    "the connection, in its order": (_stream, { wires }) => void wires[0]?.end(),
  };
  for (const [what, breakOff] of Object.entries(breaks)) {
    it(`is never whole if its answer breaks off in the middle: ${what}`, async (t) => {
      let taken = () => {};
      const place: TestPool = await startPool(t, (stream) => {
        stream.respond({ ":status": 200 });
        stream.write("part");
        taken = () => breakOff(stream, place);
      });
      const sent = makeExchange("/");
      place.pool.carry(sent);
      await sent.until("data part");
      taken();
      assert.match(await sent.ended, /^error /);
      assert.deepEqual(sent.told.slice(0, -1), ["head 200", "data part"]);
    });
  }

  /** Sends one request to an application that answers with these frames, whatever they are. */
  async function exchangeFrames(t: TestContext, ...frames: readonly Buffer[]) {
    const server = createServer((wire) => {
      wire.on("error", () => {});
      wire.write(frame(types.settings, 0, 0));
      let received = Buffer.alloc(0);
      wire.on("data", (chunk) => {
        received = Buffer.concat([received, chunk]);
        // Its first stream is the only one.
        if (!hasHeaders(received)) return;
        wire.removeAllListeners("data").resume();
        wire.write(Buffer.concat(frames));
      });
    });
    const port = await listenOnLoopback(t, server);
    const connect = (onReady: () => void) => connectTo(port, "127.0.0.1", onReady);
    const { pool } = await startPool(t, () => {}, { connect });
    const sent = makeExchange("/");
    pool.carry(sent);
    return { told: sent.told, ended: await sent.ended };
  }
  const ok = (...more: Fields) => block([[":status", "200"], ...more]);
  const head = (fields: Buffer, flag: number = flags.endHeaders) =>
    frame(types.headers, flag, 1, fields);
  const data = (text: string) => frame(types.data, 0, 1, Buffer.from(text));

  it("is not whole if its stream is reset as if nothing were wrong", async (t) => {
    const reset = frame(types.reset, 0, 1, uint32(0));
    const { told, ended } = await exchangeFrames(t, head(ok()), data("part"), reset);
    assert.deepEqual(told.slice(0, 2), ["head 200", "data part"]);
    assert.match(ended, /^error /);
    const before = await exchangeFrames(t, reset);
    assert.match(before.told.join(), /^error /);
  });

  const fieldsThatFrame: Record<string, Fields[number]> = {
    "a connection option": ["connection", "close"],
    "a transfer coding": ["transfer-encoding", "chunked"],
    "an upgrade": ["upgrade", "websocket"],
    "a name in upper case": ["X-Up", "1"],
    "a second status": [":status", "500"],
  };
  for (const [what, field] of Object.entries(fieldsThatFrame)) {
    it(`fails if the head of its answer has ${what}`, async (t) => {
      const end = flags.endStream | flags.endHeaders;
      const { ended } = await exchangeFrames(t, head(ok(field), end));
      assert.match(ended, /^error /);
    });
  }

  it("fails if it is answered with another protocol", async (t) => {
    const { ended } = await exchangeFrames(t, head(block([[":status", "101"]])));
    assert.match(ended, /^error /);
  });

  it("fails if the head or the trailers of its answer are too long, on a new connection too", async (t) => {
    const long = Array.from({ length: 15 }, (_, i) => [`x-${i}`, "y".repeat(1000)] as const);
    const [half, more] = [long, long.map(([name]) => [`${name}-2`, "y".repeat(1000)] as const)];
    const headed = await exchangeFrames(
      t,
      head(ok(...half), 0),
      frame(types.continuation, flags.endHeaders, 1, block(more)),
    );
    assert.equal(headed.ended, "error malformed");
    const end = flags.endStream;
    const trailed = await exchangeFrames(
      t,
      head(ok()),
      data("part"),
      head(block(half), end),
      frame(types.continuation, flags.endHeaders, 1, block(more)),
    );
    assert.equal(trailed.ended, "error malformed");
  });

  const malformed: Record<string, (stream: ServerHttp2Stream) => void> = {
    "a length that is not that of its body": (stream) => {
      stream.respond({ ":status": 200, "content-length": "5" });
      stream.end("longer than that");
    },
    "too many header lines": (stream) => {
      stream.respond({ ":status": 200, ...Object.fromEntries(many(1100, "")) });
      stream.end();
    },
  };
  for (const [what, answer] of Object.entries(malformed)) {
    it(`fails if its answer has ${what}`, async (t) => {
      const { told } = await exchange(t, answer, { pool: { headBytes: 16_384 } });
      assert.match(told.at(-1) ?? "", /^error /);
      assert.ok(!told.includes("end"));
    });
  }

  it("ends in an error if the application is silent for too long, before its answer or within it", async (t) => {
    const waits = { responseTimeoutMs: 30, idleTimeoutMs: 30 };
    const silent = await exchange(t, () => {}, { pool: waits });
    assert.deepEqual(silent.told, ["error response_timeout"]);
    const stops = await exchange(
      t,
      (stream) => {
        stream.respond({ ":status": 200 });
        stream.write("part");
      },
      { pool: { ...waits, responseTimeoutMs: 60_000 } },
    );
    assert.equal(stops.told.at(-1), "error idle_timeout");
  });

  it("may be answered as slowly as it likes if it streams", async (t) => {
    let answering: ServerHttp2Stream | undefined;
    const { pool } = await startPool(
      t,
      (stream) => {
        stream.respond({ ":status": 200 });
        stream.write("part");
        answering = stream;
      },
      { idleTimeoutMs: 10 },
    );
    const [streams, other] = [makeExchange("/", { streams: true }), makeExchange("/")];
    pool.carry(streams);
    await streams.until("data");
    const first = answering;
    pool.carry(other);
    assert.equal(await other.ended, "error idle_timeout");
    first?.end("late");
    assert.equal(await streams.ended, "end");
  });

  it("that is given up is reset: half a body never looks whole", async (t) => {
    let ended = false;
    let arrived = (_: ServerHttp2Stream) => {};
    const arrival = new Promise<ServerHttp2Stream>((resolve) => {
      arrived = resolve;
    });
    const { pool } = await startPool(t, (stream) => {
      stream.resume().on("end", () => {
        ended = !stream.aborted;
      });
      arrived(stream);
    });
    const sent = makeExchange("/", {
      method: "POST",
      send: (carrier) => void carrier.writeBody(Buffer.from("half")),
    });
    pool.carry(sent);
    const given = await arrival;
    const closed = new Promise((resolve) => given.once("close", resolve));
    sent.carrier?.abort();
    await closed;
    assert.deepEqual([ended, given.rstCode, sent.told], [false, internalError, []]);
  });
});

/** Whether a client has sent a head: its preface, frames of its connection, HEADERS. */
function hasHeaders(received: Buffer): boolean {
  for (let at = preface.length; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
    if (received[at + 3] === types.headers) return true;
  }
  return false;
}

function many(count: number, value: string): [string, string][] {
  return Array.from({ length: count }, (_, i) => [`x-${i}`, value]);
}
