import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Exchange } from "../../../../src/upstream/http1/exchange.ts";
import { RequestQueue } from "../../../../src/upstream/http1/request-queue.ts";

function makeQueue(t: TestContext, maxQueued = 100) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told: string[] = [];
  const queue = new RequestQueue({ maxQueued, queueTimeoutMs: 1000, onWaited() {} });
  const add = (name: string) => {
    const onError = (error: Error) => told.push(`${name}: ${error.message}`);
    const exchange = { name, network: name.charAt(0), onError } as unknown as Exchange;
    queue.add(exchange);
    return exchange;
  };
  const takeAll = () => {
    const names: string[] = [];
    for (let next = queue.take(); next !== undefined; next = queue.take()) {
      names.push((next as unknown as { name: string }).name);
    }
    return names;
  };
  return { queue, told, add, takeAll };
}

describe("the queue of requests", () => {
  it("has networks take turns, and serves each in the order in which its requests came", (t) => {
    const { add, takeAll, queue } = makeQueue(t);
    for (const name of ["a1", "a2", "a3", "b1", "c1", "b2"]) add(name);
    assert.deepEqual(takeAll(), ["a1", "b1", "c1", "a2", "b2", "a3"]);
    assert.equal(queue.length, 0);
  });

  it("ends the last of the network that has the most if it is full", (t) => {
    const { add, takeAll, told } = makeQueue(t, 4);
    for (const name of ["a1", "b1", "a2", "a3"]) add(name);
    add("c1");
    assert.match(told.join(), /^a3: the application is busy: 4 requests already wait/);
    // Its own is as many as the largest has, or would be.
    add("a4");
    add("b2");
    assert.deepEqual(
      told.map((each) => each.split(":")[0]),
      ["a3", "a4", "b2"],
    );
    assert.deepEqual(takeAll(), ["a1", "b1", "c1", "a2"]);
  });

  it("lets any of them leave, and knows whether another network's waits", (t) => {
    const { add, takeAll, queue } = makeQueue(t);
    const [a, b] = [add("a1"), add("b1")];
    add("a2");
    assert.equal(queue.hasOthers("a"), true);
    assert.deepEqual([queue.withdraw(b), queue.withdraw(b)], [true, false]);
    assert.equal(queue.hasOthers("a"), false);
    assert.equal(queue.withdraw(a), true);
    assert.deepEqual(takeAll(), ["a2"]);
  });

  it("ends whatever has waited for too long, of every network", (t) => {
    const { add, takeAll, told } = makeQueue(t);
    t.mock.method(performance, "now", () => nowMs);
    let nowMs = 0;
    for (const name of ["a1", "b1", "a2"]) add(name);
    nowMs = 500;
    add("b2");
    nowMs = 1000;
    t.mock.timers.tick(1000);
    assert.deepEqual(
      told.map((each) => each.split(":")[0]),
      ["a1", "b1", "a2"],
    );
    assert.match(told[0] ?? "", /no connection to it was free for 1000 ms/);
    assert.deepEqual(takeAll(), ["b2"]);
  });
});
