import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import {
  type ClockChange,
  minToleranceSeconds,
  openAnchoredClock,
  settleMs,
} from "../../../src/platform/anchored-clock.ts";

const hourMs = 3_600_000;
const start = 1_800_000_000_000;

/** A machine whose clocks the test sets. */
function openClock(t: TestContext, toleranceSeconds = 5) {
  const machine = { monotonicMs: 5000, wallMs: start };
  const clock = openAnchoredClock({
    stopwatch: () => ({ ...machine }),
    toleranceSeconds,
  });
  t.after(() => clock.close());
  const changes: ClockChange[] = [];
  clock.onChange((change) => void changes.push(change));
  return {
    clock,
    changes,
    pass(ms: number) {
      machine.monotonicMs += ms;
      machine.wallMs += ms;
    },
    step(ms: number) {
      machine.wallMs += ms;
    },
    /** What another machine's clock says that is ahead of the right time by so much. */
    refer(aheadMs = 0, rightMs = start + machine.monotonicMs - 5000) {
      const nowMs = machine.monotonicMs;
      clock.refer({ timeMs: rightMs + aheadMs, sentMs: nowMs, receivedMs: nowMs });
    },
    now: () => Math.round(clock.nowSeconds() * 1000) - start,
    earliest: () => Math.round(clock.earliestSeconds() * 1000) - start,
    forgets: () => Math.round(clock.retention.nowSeconds() * 1000) - start,
  };
}

describe("the anchored clock", () => {
  it("goes by the wall clock while nothing jumps", (t) => {
    const { clock, changes, ...time } = openClock(t);
    time.pass(hourMs);
    time.step(300);
    assert.deepEqual([time.now(), time.earliest()], [hourMs + 300, hourMs + 300]);
    assert.equal(clock.doubt, undefined);
    assert.deepEqual(changes, []);
  });

  it("takes the later clock for now, the earlier for what is sure, after a jump ahead", (t) => {
    const { clock, changes, ...time } = openClock(t);
    time.pass(1000);
    time.step(hourMs);
    assert.deepEqual([time.now(), time.earliest()], [hourMs + 1000, 1000]);
    assert.match(clock.doubt ?? "", /^this machine's clock is 3600\.0 s ahead of/);
    assert.equal(clock.differenceSeconds, 3600);
    assert.deepEqual(changes, [{ kind: "stepped", byMs: hourMs }]);
  });

  it("takes the later clock for now, the earlier for what is sure, after a jump back", (t) => {
    const { clock, ...time } = openClock(t);
    time.step(-hourMs);
    assert.deepEqual([time.now(), time.earliest()], [0, -hourMs]);
    assert.match(clock.doubt ?? "", /3600\.0 s behind/);
  });

  it("is in no doubt any more when the jump is undone", (t) => {
    const { clock, changes, ...time } = openClock(t);
    time.step(hourMs);
    assert.ok(clock.doubt !== undefined);
    time.pass(4000);
    time.step(-hourMs);
    assert.equal(clock.doubt, undefined);
    assert.equal(time.now(), 4000);
    assert.deepEqual(
      changes.map(({ kind }) => kind),
      ["stepped", "stepped"],
    );
  });

  it("forgets by the earliest time for a day at least, whatever it believes meanwhile", (t) => {
    const { clock, ...time } = openClock(t);
    time.step(hourMs);
    assert.equal(time.forgets(), 0);
    time.pass(settleMs);
    assert.equal(clock.doubt, undefined);
    assert.equal(time.now(), hourMs + settleMs);
    assert.equal(time.forgets(), settleMs);
    time.pass(23 * hourMs);
    assert.equal(time.forgets(), 23 * hourMs + settleMs);
    time.pass(25 * hourMs);
    assert.equal(time.forgets(), 48 * hourMs + settleMs);
    time.pass(24 * hourMs);
    assert.equal(time.forgets(), time.now());
  });

  it("forgets by the earlier time at once after a jump back", (t) => {
    const { ...time } = openClock(t);
    time.step(-hourMs);
    assert.equal(time.forgets(), -hourMs);
    time.step(hourMs);
    assert.equal(time.forgets(), -hourMs);
  });

  it("believes a wall clock that goes on evenly, if there is no third clock", (t) => {
    const { clock, ...time } = openClock(t);
    time.step(hourMs);
    clock.nowSeconds();
    time.pass(settleMs - 1);
    assert.ok(clock.doubt !== undefined);
    time.pass(1);
    assert.equal(clock.doubt, undefined);
    assert.deepEqual([time.now(), time.earliest()], [hourMs + settleMs, hourMs + settleMs]);
  });

  it("believes a wall clock that a third clock confirms, at once", (t) => {
    const { clock, ...time } = openClock(t);
    time.step(hourMs);
    clock.nowSeconds();
    time.refer(hourMs + 1000);
    assert.equal(clock.doubt, undefined);
    assert.equal(time.now(), hourMs);
  });

  it("never believes a wall clock that a third clock contradicts", (t) => {
    const { clock, ...time } = openClock(t);
    time.step(hourMs);
    clock.nowSeconds();
    for (let waited = 0; waited < 10 * settleMs; waited += settleMs / 2) {
      time.pass(settleMs / 2);
      time.refer();
    }
    assert.ok(clock.doubt !== undefined);
    time.step(-hourMs);
    assert.equal(clock.doubt, undefined);
  });

  it("is in doubt while a third clock is elsewhere, and takes the latest of the three for now", (t) => {
    const { clock, ...time } = openClock(t);
    time.refer(hourMs);
    assert.match(clock.doubt ?? "", /^this machine's clock is 3600\.0 s behind that of redis$/);
    assert.deepEqual([time.now(), time.earliest()], [hourMs, 0]);
    clock.refer(undefined);
    assert.equal(clock.doubt, undefined);
  });

  it("forgets what a third clock said if it is not heard of again", (t) => {
    const { clock, ...time } = openClock(t);
    time.refer(hourMs);
    time.pass(61_000);
    assert.equal(clock.doubt, undefined);
  });

  it("takes nothing from a third clock that was asked before a suspension", (t) => {
    const { clock, ...time } = openClock(t);
    time.refer();
    // Asleep for an hour: the monotonic clock stood still, the wall clock is right.
    time.step(hourMs);
    assert.equal(time.now(), hourMs);
    clock.refer({ timeMs: start, sentMs: 4000, receivedMs: 5000 });
    time.pass(settleMs);
    assert.equal(clock.doubt, undefined);
    assert.equal(time.now(), hourMs + settleMs);
  });

  it("allows for the time that the answer of a third clock took", (t) => {
    const { clock } = openClock(t);
    clock.refer({ timeMs: start - 5000 + 1000 + 8000, sentMs: 1000, receivedMs: 5000 });
    assert.equal(clock.doubt, undefined);
  });

  it("tolerates a floor even if no difference is allowed", (t) => {
    const { clock, ...time } = openClock(t, 0);
    time.step(minToleranceSeconds * 1000);
    assert.equal(clock.doubt, undefined);
    time.step(minToleranceSeconds * 1000 + 1);
    assert.ok(clock.doubt !== undefined);
  });
});
