import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Exchange } from "../../../../src/upstream/http1/exchange.ts";
import { SlowClients } from "../../../../src/upstream/http1/slow-clients.ts";

/** One that its client keeps; `mark` undefined: the application works on it. */
function carried(name: string, mark: string | undefined = "0") {
  return { name, network: name.charAt(0), clientMark: mark };
}

type Carried = ReturnType<typeof carried>;

function makeClients() {
  const clients = new SlowClients({ maxConnections: 4, queueTimeoutMs: 10_000 });
  return (all: readonly Carried[], nowMs: number, wanted = 1, hasOthers = true) => {
    const exchanges = all as unknown as readonly Exchange[];
    const chosen = clients.choose(exchanges, { wanted, hasOthers: () => hasOthers }, nowMs);
    return (chosen as unknown as readonly Carried[]).map(({ name }) => name);
  };
}

describe("connections that slow clients keep", () => {
  it("come from the network that keeps the most, the one that stood still for longest first", () => {
    const choose = makeClients();
    const [b1, a1, a2] = [carried("b1"), carried("a1"), carried("a2")];
    assert.deepEqual(choose([b1, a1], 0), []);
    assert.deepEqual(choose([b1, a1, a2], 500), []);
    assert.deepEqual(choose([b1, a1, a2], 2000), ["a1"]);
    assert.deepEqual(choose([b1, a1, a2], 2500, 2), ["a1", "b1"]);
    assert.deepEqual(choose([b1, a1, a2], 2500, 9), ["a1", "b1", "a2"]);
  });

  it("come from no client that moves, unless its network keeps more than half, and others wait", () => {
    const choose = makeClients();
    const moving = ["a1", "a2", "a3"].map((name) => carried(name));
    const move = () => {
      for (const each of moving) each.clientMark += "+";
    };
    for (const nowMs of [0, 500, 1000, 1500]) {
      assert.deepEqual(choose(moving, nowMs), []);
      move();
    }
    assert.deepEqual(choose(moving, 2000, 9, false), []);
    move();
    assert.deepEqual(choose(moving, 2500, 9), ["a1"]);
    move();
    assert.deepEqual(choose(moving.slice(1), 3000), []);
  });

  it("come from nothing that the application works on", () => {
    const choose = makeClients();
    const all = ["a1", "a2", "a3", "a4"].map((name) => ({
      ...carried(name),
      clientMark: undefined,
    }));
    assert.deepEqual(choose(all as unknown as Carried[], 0, 4), []);
    assert.deepEqual(choose(all as unknown as Carried[], 60_000, 4), []);
  });

  it("come sooner if requests wait for less time", () => {
    const clients = new SlowClients({ maxConnections: 4, queueTimeoutMs: 1000 });
    assert.equal(clients.everyMs, 125);
    const all = [carried("a1")] as unknown as readonly Exchange[];
    const wanted = { wanted: 1, hasOthers: () => true };
    assert.equal(clients.choose(all, wanted, 0).length, 0);
    assert.equal(clients.choose(all, wanted, 500).length, 1);
  });
});
