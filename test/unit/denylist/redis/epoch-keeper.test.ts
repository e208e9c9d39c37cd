import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EpochKeeper } from "../../../../src/denylist/redis/epoch-keeper.ts";
import {
  type Epoch,
  looksUnused,
  type ShardState,
} from "../../../../src/denylist/redis/store-state.ts";

/** A keeper that says what it was told, and what a new epoch was given. */
function startKeeper(hasShared: boolean) {
  const told: string[] = [];
  const graces: number[] = [];
  const establish = async (_shard: string, _found: string, given: { graceMs: number }) => {
    graces.push(given.graceMs);
  };
  const keeper = new EpochKeeper({
    replica: { epochs: { establish } } as never,
    roster: { awaited: () => [] } as never,
    ...{ graceMs: 5000, maxStalenessMs: 10_000, hasShared: () => hasShared },
    onLoss: (shard, why) => told.push(`lost ${shard}: ${why}`),
    onBeginning: (shard, why) => told.push(`begun ${shard}: ${why}`),
  });
  return { keeper, told, graces };
}
const known = { epoch: { stalenessMs: 150 } } as never;
const epoch = (id: string) => ({ id, stalenessMs: 150 }) as Epoch;
const inEpoch = (id: string) => ({ epoch: epoch(id) }) as ShardState;

describe("a new epoch", () => {
  it("is a loss for who knew the one before, however unused the store looks", async () => {
    const { keeper, told } = startKeeper(false);
    keeper.note("s", known);
    await keeper.begin("s", "", looksUnused.empty);
    await keeper.begin("s", "", looksUnused.idle);
    assert.deepEqual(told, [`lost s: ${looksUnused.empty}`, `lost s: ${looksUnused.idle}`]);
  });

  it("is a beginning at a store that is new, or was idle, unless this sidecar knows what was there", async () => {
    const fresh = startKeeper(false);
    for (const why of [looksUnused.empty, looksUnused.idle, "the server is another"])
      await fresh.keeper.begin("s", "", why);
    assert.deepEqual(fresh.told, [
      ...[`begun s: ${looksUnused.empty}`, `begun s: ${looksUnused.idle}`],
      "lost s: the server is another",
    ]);
    const kept = startKeeper(true);
    await kept.keeper.begin("s", "", looksUnused.empty);
    assert.deepEqual(kept.told, [`lost s: ${looksUnused.empty}`]);
  });

  it("has a grace period of twice the longest staleness by which a sidecar may still go", async () => {
    const { keeper, graces } = startKeeper(false);
    await keeper.begin("s", "", looksUnused.empty);
    keeper.note("s", known);
    await keeper.begin("s", "", looksUnused.empty);
    assert.deepEqual(graces, [20_000, 5000]);
  });

  it("is never one that the shard has left: it has older data if that is there again", () => {
    const { keeper } = startKeeper(true);
    for (const id of ["one", "two", "two"]) keeper.note("s", inEpoch(id));
    keeper.note("other", inEpoch("three"));
    const left = (shard: string, id: string) => keeper.hasLeft(shard, epoch(id));
    assert.deepEqual(
      ["one", "two", "three"].map((id) => left("s", id)),
      [true, false, false],
    );
    assert.ok(!left("other", "one") && !keeper.hasLeft("s", undefined));
    for (let i = 0; i < 150; i += 1) keeper.note("s", inEpoch(`later ${i}`));
    assert.ok(left("s", "later 148") && !left("s", "one"));
  });
});
