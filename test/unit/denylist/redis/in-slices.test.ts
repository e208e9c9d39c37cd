import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inSlices } from "../../../../src/denylist/redis/in-slices.ts";

describe("entries that are taken over", () => {
  it("are all taken over, in order, and requests go on in between", async () => {
    const items = Array.from({ length: 10_001 }, (_, at) => at);
    const taken: number[] = [];
    const turns: number[] = [];
    let turn = 0;
    let timer = setImmediate(function count() {
      turn += 1;
      timer = setImmediate(count);
    });
    await inSlices(items, (some) => {
      taken.push(...some);
      turns.push(turn);
      assert.ok(some.length <= 250, `${some.length} at once`);
    });
    clearImmediate(timer);
    assert.deepEqual(taken, items);
    assert.equal(new Set(turns).size, turns.length, "two slices in one turn");
  });

  it("are taken over at once if they are few", () => {
    const taken: number[] = [];
    void inSlices([1, 2, 3], (some) => taken.push(...some));
    assert.deepEqual(taken, [1, 2, 3]);
  });
});
