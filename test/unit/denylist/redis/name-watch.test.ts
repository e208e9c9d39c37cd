import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pauseMs } from "../../../../src/denylist/redis/name-watch.ts";

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
});
