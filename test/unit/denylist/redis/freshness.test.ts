import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Freshness } from "../../../../src/denylist/redis/freshness.ts";
import { elapsedMs } from "../../../../src/platform/clock.ts";

/** A machine's two clocks, to be moved by hand. */
function startClocks() {
  const now = { monotonicMs: 1000, wallMs: 1_700_000_000_000 };
  return {
    read: () => ({ ...now }),
    pass: (ms: number) => {
      now.monotonicMs += ms;
      now.wallMs += ms;
    },
    suspend: (ms: number) => {
      now.wallMs += ms;
    },
    setWall: (ms: number) => {
      now.wallMs += ms;
    },
  };
}

/** A table that was loaded and has just been proved, with a staleness of 150 ms. */
function startFresh() {
  const clocks = startClocks();
  const freshness = new Freshness(clocks.read, 1000);
  freshness.agree(clocks.read());
  freshness.enter(150, { handedOver: false, allRead: false });
  freshness.prove(clocks.read());
  freshness.loaded();
  return { clocks, freshness };
}

describe("elapsedMs", () => {
  it("counts a suspension, during which the monotonic clock stands still", () => {
    const clocks = startClocks();
    const before = clocks.read();
    clocks.suspend(60_000);
    assert.equal(elapsedMs(before, clocks.read()), 60_000);
  });

  it("is not fooled by a wall clock that is set back", () => {
    const clocks = startClocks();
    const before = clocks.read();
    clocks.setWall(-3_600_000);
    clocks.pass(200);
    assert.equal(elapsedMs(before, clocks.read()), 200);
  });
});

describe("freshness", () => {
  it("needs a load and a proof", () => {
    const clocks = startClocks();
    const freshness = new Freshness(clocks.read, 1000);
    freshness.agree(clocks.read());
    freshness.enter(150, { handedOver: false, allRead: false });
    assert.equal(freshness.isFresh(), false);
    freshness.loaded();
    assert.equal(freshness.isFresh(), false);
    freshness.prove(clocks.read());
    assert.equal(freshness.isFresh(), true);
  });

  it("ends exactly a staleness after the proof was asked for, not after it came", () => {
    const { clocks, freshness } = startFresh();
    const sent = clocks.read();
    clocks.pass(100);
    freshness.prove(sent);
    clocks.pass(49);
    assert.equal(freshness.isFresh(), true);
    clocks.pass(1);
    assert.equal(freshness.isFresh(), false);
  });

  it("comes back to those who wait with the next proof, unless that is too old itself", async () => {
    const { clocks, freshness } = startFresh();
    const sent = clocks.read();
    clocks.pass(150);
    let answer: boolean | undefined;
    const waiting = freshness.freshWithin(60_000).then((fresh) => {
      answer = fresh;
    });
    freshness.prove(sent);
    await new Promise(setImmediate);
    assert.equal(answer, undefined);
    freshness.prove(clocks.read());
    await waiting;
    assert.equal(answer, true);
  });

  it("is not waited for if the table is not complete, nor for ever", async () => {
    const { clocks, freshness } = startFresh();
    clocks.pass(150);
    // Its timer keeps no process alive.
    const [isFresh] = await Promise.all([freshness.freshWithin(1), sleep(2)]);
    assert.equal(isFresh, false);
    freshness.missed();
    assert.equal(await freshness.freshWithin(2 ** 31 - 1), false);
  });

  it("ends in a suspension", () => {
    const { clocks, freshness } = startFresh();
    clocks.suspend(150);
    assert.equal(freshness.isFresh(), false);
  });

  it("ends when a part of the feed was missed, and only a load brings it back", () => {
    const { clocks, freshness } = startFresh();
    freshness.missed();
    freshness.prove(clocks.read());
    assert.equal(freshness.isFresh(), false);
    freshness.loaded();
    assert.equal(freshness.isFresh(), true);
  });

  it("needs to know where the address leads, from not too long ago", () => {
    const { clocks, freshness } = startFresh();
    clocks.pass(999);
    freshness.prove(clocks.read());
    assert.equal(freshness.isFresh(), true);
    clocks.pass(1);
    freshness.prove(clocks.read());
    assert.equal(freshness.isFresh(), false);
    freshness.agree(clocks.read());
    assert.equal(freshness.isFresh(), true);
    freshness.agree(undefined);
    assert.equal(freshness.isFresh(), false);
  });

  it("comes back without a load when another server is filled, if nothing of the feed was missed", () => {
    const { clocks, freshness } = startFresh();
    freshness.enter(150, { handedOver: true, allRead: true });
    freshness.prove(clocks.read());
    assert.equal(freshness.isFresh(), false);
    freshness.filled();
    assert.equal(freshness.isFresh(), true);

    const missed = startFresh().freshness;
    missed.enter(150, { handedOver: true, allRead: false });
    missed.filled();
    assert.equal(missed.complete, false);

    const trimmed = startFresh().freshness;
    trimmed.enter(150, { handedOver: true, allRead: true });
    trimmed.missed();
    trimmed.filled();
    assert.equal(trimmed.complete, false);
  });

  it("goes on in a new epoch for whoever was fresh, unless another server has taken over", () => {
    const same = startFresh();
    same.freshness.enter(150, { handedOver: false, allRead: false });
    assert.equal(same.freshness.isFresh(), true);

    const other = startFresh();
    other.freshness.enter(150, { handedOver: true, allRead: false });
    assert.equal(other.freshness.complete, false);

    const late = startFresh();
    late.clocks.pass(150);
    late.freshness.enter(150, { handedOver: false, allRead: false });
    assert.equal(late.freshness.complete, false);
  });
});
