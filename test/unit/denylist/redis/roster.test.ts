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

describe("the sidecars that are waited for", () => {
  it("are known when each that beats has been heard: three beats and a half after the first", async () => {
    const replica = store();
    const [one, other] = [new Roster(replica, 1000), new Roster(replica, 1000)];
    assert.deepEqual(one.awaited(0), []);
    for (const roster of [other, one]) await roster.beat(0, false);
    assert.deepEqual(one.awaited(3499), []);
    assert.deepEqual(new Set(one.awaited(3500)), new Set([one.self, other.self]));
  });
});

describe("the looks of a sidecar at who else beats", () => {
  /** Counts what each of many sidecars has Redis do. */
  function count(members: number) {
    const counts = new Map(Array.from({ length: members }, (_, at) => [`other${at}`, "1"]));
    const done = { looks: 0, beats: 0 };
    const epochs = {
      beat: async () => {
        done.looks += 1;
        return { counts, older: false };
      },
      sign: async () => {
        done.beats += 1;
      },
    };
    const roster = new Roster({ epochs } as unknown as RedisReplica, 1000);
    const pass = async (fromMs: number, toMs: number) => {
      for (let ms = fromMs; ms < toMs; ms += 100) await roster.beat(ms, true, counts.size);
    };
    return { done, pass, counts, roster };
  }

  it("are as rare as there are many: all looks together cost the same", async () => {
    const { done, pass } = count(1000);
    await pass(0, 3000);
    assert.deepEqual(done, { looks: 3, beats: 0 });
    await pass(3000, 103_000);
    assert.deepEqual(done, { looks: 4, beats: 32 });
  });

  it("come soon if one more has beaten, and it is waited for", async () => {
    const { done, pass, counts, roster } = count(10);
    await pass(0, 20_000);
    const { looks } = done;
    counts.set("newcomer", "1");
    await pass(20_000, 21_000);
    assert.equal(done.looks, looks + 1);
    assert.ok(roster.awaited(21_000).includes("newcomer"));
  });

  it("are at each beat if nobody says how many there are", async () => {
    const { done, roster } = count(100);
    for (let ms = 0; ms < 30_000; ms += 100) await roster.beat(ms, true);
    assert.deepEqual(done, { looks: 12, beats: 0 });
  });

  it("take nobody for dead between two of them, however far apart they are", async () => {
    const { pass, roster } = count(1000);
    await pass(0, 50_000);
    assert.equal(roster.awaited(52_000).length, 1001);
    assert.equal(roster.awaited(2_000_000).length, 1);
  });
});
