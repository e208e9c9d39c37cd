import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pauseMs, watchName } from "../../../../src/denylist/redis/name-watch.ts";
import { Troubles } from "../../../../src/denylist/redis/troubles.ts";

const trustMs = 3000;

describe("the looks at where the address of Redis leads", () => {
  it("come four times before one is too old, and twice if no request comes", () => {
    assert.equal(pauseMs("one", { trustMs, idle: false }), 750);
    assert.equal(pauseMs("one", { trustMs, idle: true }), 1500);
  });

  it("come again soon behind one that failed or did not agree, also if no request comes", () => {
    for (const idle of [false, true]) {
      assert.equal(pauseMs("failed", { trustMs, idle }), 200);
      assert.equal(pauseMs("several", { trustMs, idle }), 200);
      assert.equal(pauseMs("unsure", { trustMs, idle }), 20);
    }
    assert.equal(pauseMs("failed", { trustMs: 100, idle: false }), 25);
  });

  it("count for nothing, nor do those before, until five were alike, whichever server is followed", async () => {
    const runs = [...Array(5).fill("x"), ...Array(5).fill("y")];
    const told: string[] = [];
    const end = new AbortController();
    let followed = "x";
    await watchName({
      async askName() {
        followed = runs.shift() ?? "";
        if (followed === "") end.abort();
        return followed;
      },
      followed: () => followed,
      now: () => ({ monotonicMs: told.length, wallMs: 0 }),
      ...{ trustMs: 40, isIdle: () => false, signal: end.signal },
      onAgreed: () => void told.push("agreed"),
      onUnsure: () => void told.push("unsure"),
      onMoved: () => void told.push("moved"),
      troubles: new Troubles(() => {}),
    });
    const five = [...Array(4).fill("unsure"), "agreed"];
    assert.deepEqual(told.slice(0, 10), [...five, ...five]);
  });
});
