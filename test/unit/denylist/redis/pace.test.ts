import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Pace } from "../../../../src/denylist/redis/pace.ts";

const never = new AbortController().signal;
const notWatched = { isWatched: () => false };

describe("the pace of readings", () => {
  it("is three times in a staleness while requests come, and slower when none has come for seconds", () => {
    const pace = new Pace(notWatched);
    const at = (ms: number) => pace.isIdle(ms);
    assert.deepEqual([at(0), at(5000), at(5001)], [false, false, true]);
    pace.note();
    assert.deepEqual([at(6000), at(11_000), at(11_001)], [false, false, true]);
    assert.equal(pace.pauseMs(0, { stalenessMs: 150, idle: false }), 50);
    assert.equal(pace.pauseMs(30, { stalenessMs: 150, idle: false }), 20);
    assert.equal(pace.pauseMs(0, { stalenessMs: 150, idle: true }), 600);
  });

  it("stays while a connection would end with a revocation", () => {
    let isWatched = true;
    const pace = new Pace({ isWatched: () => isWatched });
    assert.equal(pace.isIdle(60_000), false);
    isWatched = false;
    assert.equal(pace.isIdle(65_001), true);
  });

  it("never lets readings follow on each other's heels, nor a loss go unnoticed for a second", () => {
    const pace = new Pace(notWatched);
    assert.equal(pace.pauseMs(1000, { stalenessMs: 150, idle: false }), 50 / 4);
    assert.ok(pace.pauseMs(0, { stalenessMs: 2000, idle: true }) < 1000);
  });

  it("is quickened by a request that came too late for the last proof, also while that was read", async () => {
    const pace = new Pace(notWatched);
    pace.isIdle(0);
    const idle = pace.wait(3_600_000, { idle: true, signal: never });
    pace.hurry();
    await idle;
    // It has been noted, and no pause was under way.
    pace.hurry();
    await pace.wait(3_600_000, { idle: true, signal: never });
    assert.equal(pace.isIdle(100_000), false);
  });

  it("is not driven by requests while they come", async () => {
    const pace = new Pace(notWatched);
    const closing = new AbortController();
    let ended = false;
    const waiting = pace.wait(3_600_000, { idle: false, signal: closing.signal }).then(() => {
      ended = true;
    });
    pace.hurry();
    await new Promise(setImmediate);
    assert.equal(ended, false);
    closing.abort();
    await waiting;
  });

  it("ends a pause when it is aborted", async () => {
    const closing = new AbortController();
    const pace = new Pace(notWatched);
    const waiting = pace.wait(3_600_000, { idle: false, signal: closing.signal });
    closing.abort();
    await waiting;
    await pace.wait(3_600_000, { idle: false, signal: closing.signal });
  });
});
