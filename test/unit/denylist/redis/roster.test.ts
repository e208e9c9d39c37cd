import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RedisReplica } from "../../../../src/denylist/redis/replica.ts";
import { Roster } from "../../../../src/denylist/redis/roster.ts";

/** A store in which sidecars beat. */
function store(): RedisReplica {
  const counts = new Map<string, string>();
  const beat = async (sidecar: string) => {
    counts.set(sidecar, String(Number(counts.get(sidecar) ?? 0) + 1));
    return { counts: new Map(counts), older: false };
  };
  return { epochs: { beat } } as unknown as RedisReplica;
}

describe("the share of a sidecar in a task that all have", () => {
  it("begins elsewhere for each that lives, and at the beginning for one alone", async () => {
    const replica = store();
    const rosters = Array.from({ length: 4 }, () => new Roster(replica, 1));
    assert.equal(rosters[0]?.share(0), 0);
    for (const nowMs of [0, 10]) for (const roster of rosters) await roster.beat(nowMs, false);
    const shares = rosters.map((roster) => roster.share(20)).sort();
    assert.deepEqual(shares, [0, 0.25, 0.5, 0.75]);
    // Of the others nothing was heard for long.
    assert.deepEqual(new Set(rosters.map((roster) => roster.share(60_000))), new Set([0]));
  });
});

describe("the fleet, as a sidecar has heard it", () => {
  it("has this one and the others, with the time since each was heard", async () => {
    const replica = store();
    const [one, other] = [new Roster(replica, 1), new Roster(replica, 1)];
    assert.deepEqual(one.heard(0), [{ isSelf: true, silentMs: Number.POSITIVE_INFINITY }]);
    await other.beat(0, false);
    await one.beat(100, false);
    const [self, heard] = one.heard(400);
    assert.deepEqual(self, { isSelf: true, silentMs: 300 });
    assert.deepEqual(heard, { isSelf: false, silentMs: 300 });
    assert.equal(one.heard(400).length, 2);
  });
});
