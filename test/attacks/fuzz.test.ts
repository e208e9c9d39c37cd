import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { placeInFront } from "./classes/fronted.ts";
import { fuzzers } from "./fuzzers/index.ts";
import { fuzzExemptions, fuzzLogouts } from "./fuzzers/targets.ts";
import { placeNaive } from "./gatekeepers.ts";

describe("whatever comes in", () => {
  for (const { name, claim, short, fuzz } of fuzzers) {
    it(`${name}: ${claim}`, async (t) => {
      const { atLeast, ...limits } = short;
      const counts = await fuzz(t, { seed: undefined, ...limits });
      t.diagnostic(JSON.stringify(counts));
      for (const [what, least] of Object.entries(atLeast)) {
        assert.ok((counts[what] ?? 0) >= least, `${what}: ${counts[what]} of ${least}`);
      }
    });
  }
});

describe("a naive gate", () => {
  it("gives way soon, to targets with a token and without", async (t) => {
    const options = { runs: 4000, seed: undefined, timeLimitMs: 30_000 };
    const fronts = await placeInFront(t, placeNaive);
    await assert.rejects(fuzzExemptions(fronts, options));
    await assert.rejects(fuzzLogouts(fronts, options));
  });
});
