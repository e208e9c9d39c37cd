import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { disbelieved, readState } from "../../../../src/denylist/redis/store-state.ts";
import { hostileTexts } from "../../../attacks/fuzzers/hostile.ts";

const server = `${"a".repeat(40)} ${"b".repeat(40)}`;
const epoch = `EpochEpochEpoch1 150 1764000000000-0 ${server}`;
const guard = "EpochEpochEpoch1 0 moved EpochEpochEpoch0";
const rules = { replicas: 0, allowEviction: false };
const stateOf = (found: string, graceMs = -2) =>
  readState([found, server, "master", 0, graceMs, guard, "0"], rules);

describe("readState", () => {
  it("believes what a revgate has written", () => {
    assert.deepEqual(stateOf(epoch), {
      kind: "trusted",
      server,
      epoch: {
        id: "EpochEpochEpoch1",
        stalenessMs: 150,
        start: "1764000000000-0",
        server,
        before: "EpochEpochEpoch0",
        began: "moved",
      },
      found: epoch,
    });
    assert.equal(stateOf(epoch.replace("1764000000000-0", "-"))?.kind, "trusted");
    assert.equal(stateOf(epoch, 900)?.kind, "settling");
    assert.equal(stateOf("")?.kind, "changed");
  });

  it("believes no epoch of another form, nor one with a staleness that no setting allows", () => {
    const wrong = [
      ...["0", "19", "2001", "999999999", "1e3", "-20", "150.5", "0x96", "NaN", ""].map(
        (staleness) => epoch.replace(" 150 ", ` ${staleness} `),
      ),
      ...["1-18446744073709551616", "18446744073709551616-0", "-1-0", "1", "+", "", "a-b"].map(
        (start) => epoch.replace("1764000000000-0", start),
      ),
      ...hostileTexts
        .filter((text) => !/^[\w-]{1,64}$/.test(text))
        .map((id) => `${id}${epoch.slice(16)}`),
      ...hostileTexts,
      `${epoch} more`,
      `${epoch}\n`,
      "unreadable 0a1b",
    ];
    for (const found of wrong.filter((each) => each !== "")) {
      assert.equal(stateOf(found)?.kind, "changed", JSON.stringify(found));
    }
    const state = stateOf(epoch.replace(" 150 ", " 999999999 "));
    assert.match((state && disbelieved(state)) ?? "", /staleness is not from 20 to 2000/);
  });

  it("calls a shard changed whose server, guard or count of evicted keys is another", () => {
    const changed = (found: string, by: string, guarded: string, evicted: string) =>
      readState([found, by, "master", 0, -2, guarded, evicted], rules);
    const whys = [
      changed(epoch, `${"c".repeat(40)} ${"b".repeat(40)}`, guard, "0"),
      changed(epoch, `${"a".repeat(40)} ${"c".repeat(40)}`, guard, "0"),
      changed(epoch, server, "", "0"),
      changed(epoch, server, guard.replace("1 0", "2 0"), "0"),
      changed(epoch, server, guard, "1"),
    ].map((state) => (state?.kind === "changed" ? state.why : state?.kind));
    const [moved, expired, evicted] = ["another server", "expired early", "evicted"];
    for (const [index, why] of [moved, moved, expired, expired, evicted].entries()) {
      assert.match(whys[index] ?? "", new RegExp(why));
    }
    // A later count differs as much as a smaller one: somebody has reset it, and it may hide some.
    assert.equal(changed(epoch, server, guard.replace("1 0", "1 9"), "0")?.kind, "changed");
    const trusting = { ...rules, allowEviction: true };
    assert.equal(
      readState([epoch, server, "master", 0, -2, guard, "1"], trusting)?.kind,
      "trusted",
    );
  });

  it("names a grace period that does not end", () => {
    for (const endless of [-1, 300_001, Number.MAX_SAFE_INTEGER]) {
      const state = stateOf(epoch, endless);
      assert.equal(state?.kind, "settling");
      assert.match((state && disbelieved(state)) ?? "", /grace period/);
    }
  });

  it("takes no reply for a state that the scripts cannot have returned", () => {
    const replies = [undefined, null, "OK", 1, [], [epoch], [epoch, server, "master", 0, -2]];
    for (const reply of replies) {
      assert.throws(
        () => readState(reply, rules),
        { code: "store_unavailable" },
        JSON.stringify(reply),
      );
    }
  });
});
