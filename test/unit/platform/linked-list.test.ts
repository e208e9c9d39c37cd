import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LinkedList } from "../../../src/platform/linked-list.ts";

describe("a linked list", () => {
  it("keeps the order of what is in it, whatever is taken out", () => {
    for (let out = 0; out < 8; out += 1) {
      const list = new LinkedList<number>();
      const links = [0, 1, 2].map((item) => list.push(item));
      const kept = [0, 1, 2].filter((item) => (out & (1 << item)) === 0);
      for (const [item, link] of links.entries()) if (!kept.includes(item)) list.remove(link);
      list.push(3);
      assert.deepEqual([...list], [...kept, 3]);
      assert.deepEqual([list.first, list.last, list.length], [kept[0] ?? 3, 3, kept.length + 1]);
    }
  });

  it("has nothing first or last when it is empty", () => {
    const list = new LinkedList<string>();
    list.remove(list.push("a"));
    assert.deepEqual([list.first, list.last, list.length], [undefined, undefined, 0]);
  });
});
