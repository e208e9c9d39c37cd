import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createByteBudget } from "../../../src/platform/byte-budget.ts";

describe("a budget of bytes", () => {
  it("is shared: the peer with the most loses what it began to keep first", () => {
    const taken: string[] = [];
    const keep = createByteBudget(100);
    const begin = (peer: string, name: string) => keep(peer, () => taken.push(name));
    const [first, second, other] = [begin("a", "a1"), begin("a", "a2"), begin("b", "b1")];
    first.hold(30);
    second.hold(30);
    other.hold(40);
    assert.equal(taken.join(), "");
    other.hold(41);
    assert.deepEqual(taken, ["a1"]);
    // It is gone, whatever it says.
    first.hold(1000);
    first.end();
    second.hold(50);
    assert.deepEqual(taken, ["a1"]);
    other.hold(80);
    assert.deepEqual(taken, ["a1", "b1"]);
  });

  it("is free again when a message has passed, or its connection has ended", () => {
    const taken: string[] = [];
    const keep = createByteBudget(100);
    const one = keep("a", () => taken.push("a"));
    const other = keep("b", () => taken.push("b"));
    one.hold(90);
    one.hold(0);
    other.hold(90);
    other.end();
    one.hold(90);
    assert.equal(taken.join(), "");
    keep("c", () => taken.push("c")).hold(101);
    assert.equal(taken.join(), "c");
  });
});
