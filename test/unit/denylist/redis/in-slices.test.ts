import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inSlices } from "../../../../src/denylist/redis/in-slices.ts";

describe("entries that are taken over", () => {
  it("are all taken over, in order, and requests go on whenever a millisecond has passed", async () => {
    const items = Array.from({ length: 10_001 }, (_, at) => at);
    const taken: number[] = [];
    const turns = new Map<number, number>();
    let ms = 0;
    let turn = 0;
    let timer = setImmediate(function count() {
      turn += 1;
      timer = setImmediate(count);
    });
    const work = (some: readonly number[]) => {
      taken.push(...some);
      turns.set(turn, (turns.get(turn) ?? 0) + 1);
      ms += 0.4;
      assert.ok(some.length <= 50, `${some.length} at once`);
    };
    await inSlices(items, work, () => ms);
    clearImmediate(timer);
    assert.deepEqual(taken, items);
    assert.equal(Math.max(...turns.values()), 3, "more than a millisecond in one turn");
    assert.ok(turns.size >= 10_001 / 50 / 3);
  });

  it("are taken over at once if they are few", () => {
    const taken: number[] = [];
    void inSlices([1, 2, 3], (some) => taken.push(...some));
    assert.deepEqual(taken, [1, 2, 3]);
  });
});
