import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTimeline } from "../../../src/admin/timeline.ts";

const minuteMs = 60_000;

describe("the timeline", () => {
  it("counts each kind in its minute, and keeps an hour", () => {
    let nowMs = 5 * minuteMs;
    const timeline = createTimeline(() => nowMs);
    timeline.count("revocations");
    timeline.count("revocations");
    nowMs += minuteMs;
    timeline.count("cuts");
    nowMs += 2 * minuteMs;
    assert.deepEqual(timeline.read(), { revocations: [2, 0, 0, 0], cuts: [0, 1, 0, 0] });
    nowMs += 56 * minuteMs;
    assert.equal(timeline.read().revocations.length, 60);
    assert.equal(timeline.read().revocations[0], 2);
    nowMs += minuteMs;
    assert.deepEqual(timeline.read().cuts.slice(0, 2), [1, 0]);
    nowMs += 1000 * minuteMs;
    assert.deepEqual(timeline.read().cuts, Array(60).fill(0));
  });

  it("hands out copies", () => {
    const timeline = createTimeline(() => 0);
    const read = timeline.read();
    timeline.count("cuts");
    assert.deepEqual(read.cuts, [0]);
  });
});
