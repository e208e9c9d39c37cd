import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EpochKeeper } from "../../../../src/denylist/redis/epoch-keeper.ts";
import { looksUnused } from "../../../../src/denylist/redis/store-state.ts";

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
});
