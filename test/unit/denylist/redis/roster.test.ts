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
