import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBucket, createBuckets } from "../../../src/platform/buckets.ts";

describe("a bucket", () => {
  it("holds a second's worth, and fills with time", () => {
    let nowMs = 0;
    const take = createBucket(3, () => nowMs);
    assert.deepEqual([take(), take(), take(), take()], [true, true, true, false]);
    nowMs = 400;
    assert.deepEqual([take(), take()], [true, false]);
    nowMs = 100_000;
    assert.deepEqual([take(), take(), take(), take()], [true, true, true, false]);
  });
});

describe("buckets by name", () => {
  it("are apart, and of names without end only the latest are kept", () => {
    const take = createBuckets(1, () => 0);
    assert.deepEqual([take("a"), take("a"), take("b")], [true, false, true]);
    for (let i = 0; i < 2000; i += 1) take(`n${i}`);
    assert.equal(take("a"), true);
  });
});
