import assert from "node:assert/strict";
import { once } from "node:events";
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import type { Exchange } from "../../src/upstream/http1/exchange.ts";
import { makeExchange, roundTrip, startPool } from "../helpers/session-pools.ts";

const enhanceYourCalm = 11;

/** Answers at once. */
function ok(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200 }, { endStream: true });
}

/** An application that keeps its streams until a test answers them. */
function keep() {
  const streams: ServerHttp2Stream[] = [];
  let arrived = () => {};
  return {
    streams,
    take(stream: ServerHttp2Stream) {
      streams.push(stream);
      arrived();
    },
    /** Resolves when so many have come. */
    async until(count: number) {
      while (streams.length < count) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
    },
  };
}

describe("connections to an application over HTTP/2", () => {
  it("carry as many requests as the application bears, then another is opened, then requests wait", async (t) => {
    const { streams, take, until } = keep();
    const settings = { maxConcurrentStreams: 2 };
    const { pool, sessions } = await startPool(t, take, { settings, maxConnections: 2 });
    const first = makeExchange("/first");
    pool.carry(first);
    await until(1);
    // Until then it is not known how many the application bears.
    await roundTrip(sessions[0] as Http2Session);
    const others = ["/2", "/3", "/4", "/5"].map((path) => makeExchange(path));
    for (const each of others.slice(0, 3)) pool.carry(each);
    await until(4);
    await roundTrip(sessions[1] as Http2Session);
    pool.carry(others[3] as Exchange);
    assert.deepEqual([sessions.length, pool.connections, pool.queued], [2, 2, 1]);
    ok(streams[0] as ServerHttp2Stream);
    assert.equal(await first.ended, "whole ");
    await until(5);
    for (const each of streams.slice(1)) ok(each);
    for (const each of others) assert.equal(await each.ended, "whole ");
    assert.equal(sessions.length, 2);
  });

  it("are left at GOAWAY: what the application did not process is told, the rest is answered", async (t) => {
    const { streams, take, until } = keep();
    const { pool, sessions } = await startPool(t, take);
    const exchanges = ["/1", "/2"].map((path) => makeExchange(path));
    for (const each of exchanges) pool.carry(each);
    await until(2);
    sessions[0]?.goaway(0, streams[0]?.id);
    assert.match((await exchanges[1]?.ended) ?? "", /^unprocessed error /);
    ok(streams[0] as ServerHttp2Stream);
    assert.equal(await exchanges[0]?.ended, "whole ");
    const next = makeExchange("/3");
    pool.carry(next);
    await until(3);
    ok(streams[2] as ServerHttp2Stream);
    assert.equal(await next.ended, "whole ");
    assert.equal(sessions.length, 2);
  });

  it("are left at a GOAWAY for an error, and it is unknown what became of what they carried", async (t) => {
    const { take, until } = keep();
    const { pool, sessions } = await startPool(t, take);
    const exchange = makeExchange("/");
    pool.carry(exchange);
    await until(1);
    sessions[0]?.goaway(enhanceYourCalm);
    assert.match(await exchange.ended, /^error /);
    pool.carry(makeExchange("/next"));
    await until(2);
    assert.equal(sessions.length, 2);
  });

  it("that break are none any more: their requests fail, the next one opens another", async (t) => {
    const { take, until } = keep();
    const { pool, sessions, wires } = await startPool(t, take);
    const exchange = makeExchange("/");
    pool.carry(exchange);
    await until(1);
    wires[0]?.destroy();
    assert.match(await exchange.ended, /^error /);
    assert.deepEqual(exchange.told.slice(0, -1), []);
    pool.carry(makeExchange("/next"));
    await until(2);
    assert.equal(sessions.length, 2);
  });

  it("that can't be opened fail all that wait for them", async (t) => {
    const wire = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    let opened = 0;
    const connect = () => {
      opened += 1;
      return wire as Socket;
    };
    const { pool } = await startPool(t, () => {}, { connect });
    const exchanges = ["/1", "/2"].map((path) => makeExchange(path));
    for (const each of exchanges) pool.carry(each);
    assert.equal(opened, 1);
    wire.destroy(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
    for (const each of exchanges) assert.equal(await each.ended, "error ECONNREFUSED");
    const late = await startPool(t, () => {}, {
      connect: () => new Duplex({ read() {}, write() {} }) as Socket,
      connectTimeoutMs: 20,
    });
    const exchange = makeExchange("/");
    late.pool.carry(exchange);
    assert.equal(await exchange.ended, "error connect_timeout");
  });

  it("are not taken by a request that is wanted no more, nor by one that was withdrawn", async (t) => {
    const { streams, take, until } = keep();
    const { pool } = await startPool(t, take, { settings: { maxConcurrentStreams: 1 } });
    const [withdrawn, unwanted] = [makeExchange("/"), makeExchange("/", { isWanted: false })];
    pool.carry(withdrawn);
    assert.equal(pool.withdraw(withdrawn), true);
    assert.equal(pool.withdraw(withdrawn), false);
    pool.carry(unwanted);
    const exchange = makeExchange("/wanted");
    pool.carry(exchange);
    await until(1);
    ok(streams[0] as ServerHttp2Stream);
    assert.equal(await exchange.ended, "whole ");
    assert.deepEqual([streams.length, withdrawn.told, unwanted.told], [1, [], []]);
  });

  it("close when what they carry has been answered, and those without work at once", async (t) => {
    const { streams, take, until } = keep();
    const { pool, sessions } = await startPool(t, take);
    const exchange = makeExchange("/");
    pool.carry(exchange);
    await until(1);
    let isClosed = false;
    const told = once(sessions[0] as Http2Session, "goaway");
    const closed = pool.close().then(() => {
      isClosed = true;
    });
    await told;
    assert.equal(isClosed, false);
    ok(streams[0] as ServerHttp2Stream);
    assert.equal(await exchange.ended, "whole ");
    await closed;
    assert.equal(pool.connections, 0);

    const idle = await startPool(t, ok);
    const answered = makeExchange("/");
    idle.pool.carry(answered);
    await answered.ended;
    const [session] = idle.sessions;
    assert.ok(session !== undefined);
    // Its stream closes behind its answer.
    await roundTrip(session);
    const gone = once(session, "close");
    idle.pool.closeIdle();
    await gone;
  });

  it("are cut with the pool: what they carry and what waits ends in errors, and nothing begins", async (t) => {
    const { take, until } = keep();
    const settings = { maxConcurrentStreams: 1 };
    const { pool, sessions } = await startPool(t, take, { settings, maxConnections: 1 });
    const [carried, waits, late] = ["/1", "/2", "/3"].map((path) => makeExchange(path));
    assert.ok(carried && waits && late);
    pool.carry(carried);
    await until(1);
    await roundTrip(sessions[0] as Http2Session);
    pool.carry(waits);
    assert.equal(pool.queued, 1);
    pool.destroy();
    assert.match(await carried.ended, /^error /);
    assert.equal(await waits.ended, "error aborted");
    pool.carry(late);
    assert.equal(await late.ended, "error aborted");
  });
});
