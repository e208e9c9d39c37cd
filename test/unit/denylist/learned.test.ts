import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Entry } from "../../../src/denylist/denylist.ts";
import { pruneLives, RememberedLives } from "../../../src/denylist/retention.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { untilCutOff } from "../../../src/revocation/cut-off.ts";
import { entryFor } from "../../contract/denylist-suite.ts";

/** More than a call has room for as arguments. */
const tooMany = 200_000;

describe("what is learnt from others, however much it is", () => {
  it("is counted by, where it is changes of how long revocations are remembered", () => {
    const changes = Array.from({ length: tooMany }, (_, i) => ({ from: i, seconds: 1 + (i % 2) }));
    assert.equal(pruneLives(changes, 0).length, tooMany);
    const lives = new RememberedLives();
    lives.adopt(changes, 0);
    assert.equal(lives.longest(0), 2);
    assert.equal(lives.latestExpiry(0), 1);
  });

  it("is waited for behind the latest cut-off", async () => {
    const cutoff = Math.floor(systemClock.nowSeconds()) - 10;
    const all = new Array<Entry>(tooMany).fill({ ...entryFor("alice"), cutoff });
    await untilCutOff(all, systemClock);
  });
});
