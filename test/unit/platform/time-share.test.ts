import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTimeShare } from "../../../src/platform/time-share.ts";

/** An event loop of which a test says when it turns, and how long work takes. */
function fakeLoop(share: number, maxWaiting = 1000) {
  let now = 0;
  let soon: (() => void)[] = [];
  const later: { readonly step: () => void; readonly at: number }[] = [];
  const time = createTimeShare({
    ...{ share, maxWaiting },
    nowMs: () => now,
    runSoon: (step) => void soon.push(step),
    runLater: (step, afterMs) => void later.push({ step, at: now + afterMs }),
  });
  const work = (ms: number) => {
    now += ms;
    time.spend(ms);
  };
  return {
    time,
    work,
    now: () => now,
    pass: (ms: number) => {
      now += ms;
    },
    /** One turn of the loop, in which whatever else there is takes so long. */
    async turn(otherMs = 0) {
      now += otherMs;
      if (soon.length === 0 && later[0] !== undefined) now = Math.max(now, later[0].at);
      const due = later.filter(({ at }) => at <= now);
      later.splice(0, later.length, ...later.filter(({ at }) => at > now));
      const steps = [...due.map(({ step }) => step), ...soon];
      soon = [];
      for (const step of steps) {
        step();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

describe("a share of the event loop's time", () => {
  it("is free until it is used up, and again when time has passed", () => {
    const { time, work, pass } = fakeLoop(0.5);
    assert.ok(time.isFree());
    for (let i = 0; i < 20 && time.isFree(); i += 1) work(1);
    assert.ok(!time.isFree());
    pass(11);
    assert.ok(time.isFree());
  });

  it("gives turns to one peer after the other, and to none at once while somebody waits", async () => {
    const { time, work, turn } = fakeLoop(0.5);
    work(100);
    const order: string[] = [];
    const wait = async (peer: string) => {
      assert.ok(await time.turn(peer));
      order.push(peer);
      work(0.1);
    };
    const all = ["flood", "flood", "flood", "one", "flood", "other"].map(wait);
    while (order.length < all.length) {
      assert.ok(!time.isFree());
      await turn();
    }
    assert.deepEqual(order, ["flood", "one", "other", "flood", "flood", "flood"]);
  });

  it("takes no more than its share of all time, and a millisecond of one turn, however many wait", async () => {
    const { time, work, turn, now } = fakeLoop(0.25, 20_000);
    let worked = 0;
    for (let i = 0; i < 10_000; i += 1) {
      void time.turn(`peer ${i}`).then(() => {
        worked += 0.2;
        work(0.2);
      });
    }
    while (now() < 500) {
      const before = worked;
      await turn(0.01);
      assert.ok(worked - before <= 1.2, `${worked - before} ms in one turn`);
    }
    assert.ok(worked > 0.2 * now() && worked < 0.25 * now() + 10, `${worked} of ${now()} ms`);
  });

  it("goes on while everything else takes long turns", async () => {
    const { time, work, turn } = fakeLoop(0.5);
    work(100);
    let turns = 0;
    for (let i = 0; i < 50; i += 1) {
      void time.turn("peer").then(() => {
        turns += 1;
        work(0.2);
      });
    }
    for (let i = 0; i < 100; i += 1) await turn(20);
    assert.equal(turns, 50);
  });

  it("lets go of the first of the peer with the most if too many wait", async () => {
    const { time, work, turn } = fakeLoop(0.5, 10);
    work(100);
    const one = time.turn("one");
    const flood = Array.from({ length: 12 }, () => time.turn("flood"));
    for (let i = 0; i < 20; i += 1) await turn();
    assert.equal(await one, true);
    assert.deepEqual(
      await Promise.all(flood),
      flood.map((_, i) => i >= 3),
    );
  });
});
