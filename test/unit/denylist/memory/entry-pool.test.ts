import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EntryPool } from "../../../../src/denylist/memory/entry-pool.ts";

const keyOf = (i: number) => Uint32Array.of(i, i + 1, i + 2, 2 ** 32 - 1 - i);

describe("EntryPool", () => {
  for (const withCutoffs of [false, true]) {
    it(`keeps what it was given, ${withCutoffs ? "with" : "without"} cut-offs, across blocks`, () => {
      const pool = new EntryPool(withCutoffs);
      const entries = Array.from({ length: 3000 }, (_, i) => i);
      for (const i of entries) assert.equal(pool.add(keyOf(i), i + 1, 2 * i), i);
      assert.equal(pool.end, entries.length);
      for (const i of entries) {
        assert.ok(pool.matches(i, keyOf(i)) && !pool.matches(i, keyOf(i + 1)));
        assert.equal(pool.wordOf(i, 3), 2 ** 32 - 1 - i);
        assert.equal(pool.expiryOf(i), i + 1);
        assert.equal(pool.cutoffOf(i), withCutoffs ? 2 * i : undefined);
      }
    });
  }

  it("uses what was freed again before it takes more memory", () => {
    const pool = new EntryPool(true);
    for (let i = 0; i < 2000; i += 1) pool.add(keyOf(i), 10, 0);
    for (let i = 0; i < 2000; i += 3) pool.free(i);
    assert.equal(pool.expiryOf(0), 0);
    const again = Array.from({ length: 667 }, (_, i) => pool.add(keyOf(5000 + i), 20, 5));
    assert.equal(new Set(again).size, 667);
    assert.ok(again.every((entry) => entry % 3 === 0));
    assert.equal(pool.end, 2000);
    assert.equal(pool.add(keyOf(1), 20, 5), 2000);
    assert.ok(pool.matches(1, keyOf(1)), "its neighbour is untouched");
  });
});
