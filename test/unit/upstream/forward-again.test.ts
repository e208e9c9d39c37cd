import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Answer } from "../../../src/node-http/answer.ts";
import type { ClientRequest } from "../../../src/node-http/client-request.ts";
import type { ApplicationPool } from "../../../src/upstream/application-pool.ts";
import { forwardRequest } from "../../../src/upstream/forward-request.ts";
import type { Hold } from "../../../src/upstream/held-response.ts";
import type { Exchange } from "../../../src/upstream/http1/exchange.ts";

/** Forwards a request to a pool that keeps its exchange; says how often it was carried, and how it ended. */
function forward(method: string, rawHeaders: readonly string[] = [], hold?: Hold) {
  const said = { carried: 0, ends: [] as string[], written: [] as string[] };
  const kept: Exchange[] = [];
  const pool = {
    carry(each: Exchange) {
      said.carried += 1;
      kept.push(each);
      each.onConnection({ pause() {}, resume() {}, abort() {} } as never);
    },
    closeIdle() {},
  };
  let leave = () => {};
  const answer = {
    ...{ gone: false, finished: false, stalled: false, maxStatus: 599, needsDrain: false },
    unsent: "7 bytes",
    onClose(listener: () => void) {
      leave = listener;
    },
    onDrain() {},
    sendHead: () => said.written.push("head"),
    write(chunk: Buffer) {
      said.written.push(chunk.toString());
      answer.needsDrain = chunk.length > 0;
    },
    breakOff() {},
  };
  const request = { method, rawHeaders, readableEnded: false, resume() {} };
  forwardRequest(pool as unknown as ApplicationPool, {
    ...{ request: request as unknown as ClientRequest, answer: answer as unknown as Answer, hold },
    streams: false,
    ...{ target: "/", headers: rawHeaders, passTrailers: () => [], addsVia: false },
    ...{ onHead() {}, onStreaming: () => () => {}, network: () => "192.0.2.1" },
    onEnd: (outcome) => said.ends.push("reason" in outcome ? outcome.reason : outcome.kind),
  });
  const [exchange = assert.fail()] = kept;
  return { said, exchange, leave: () => leave() };
}

const stale = new Error("closed");
const head = { version: "1.1", status: 200, reason: "OK", headers: [] } as const;

describe("a request that met a stale connection", () => {
  it("is sent once more if it may be sent twice, and no third time", () => {
    const { said, exchange } = forward("GET");
    exchange.onError(stale, true);
    assert.deepEqual([said.carried, said.ends], [2, []]);
    exchange.onError(stale, true);
    assert.deepEqual([said.carried, said.ends], [2, ["upstream_unreachable"]]);
  });

  it("is not sent again if it does something, or has a body, unless the application did nothing", () => {
    const body = ["Content-Length", "3"];
    for (const [method, lines, unprocessed, carried] of [
      ["POST", [], false, 1],
      ["POST", [], true, 2],
      ["PUT", body, false, 1],
      ["PUT", body, true, 1],
    ] as const) {
      const { said, exchange } = forward(method, lines);
      exchange.onError(stale, true, unprocessed);
      assert.equal(said.carried, carried, `${method} ${lines} ${unprocessed}`);
    }
  });

  it("is not sent again for a client that has left, though its revocation is seen through", () => {
    const { said, exchange, leave } = forward("GET");
    leave();
    exchange.onError(stale, true, true);
    assert.deepEqual([said.carried, said.ends], [1, ["client_gone"]]);
    const lost: boolean[] = [];
    const hold: Hold = {
      onResponse: () => undefined,
      onLost: async (sent) => void lost.push(sent),
    };
    const held = forward("POST", [], hold);
    held.leave();
    held.exchange.onError(stale, true, true);
    assert.deepEqual([held.said.carried, held.said.ends], [1, ["upstream_unreachable"]]);
    assert.deepEqual(lost, [true]);
  });
});

describe("a response in the middle", () => {
  it("is its client's to take once it waits for that, and its head goes ahead of a body that is late", () => {
    const { said, exchange } = forward("GET");
    assert.equal(exchange.clientMark, undefined);
    exchange.onHead(head, true);
    exchange.onPartial();
    assert.deepEqual(said.written, ["head", ""]);
    assert.equal(exchange.clientMark, undefined);
    exchange.onData(Buffer.from("x"));
    assert.equal(exchange.clientMark, "unsent 7 bytes");
  });
});
