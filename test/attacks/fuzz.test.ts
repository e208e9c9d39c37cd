import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { placeInFront } from "./classes/fronted.ts";
import { fuzzExemptions, fuzzLogouts } from "./fuzz-targets.ts";
import { placeNaive, placeRevgate } from "./gatekeepers.ts";

const options = { runs: 4000, seed: undefined, timeLimitMs: 30_000 };

describe("whatever a target is made of", () => {
  it("nothing but what is open is reached without a token, at any framework", async (t) => {
    const tried = await fuzzExemptions(await placeInFront(t, placeRevgate), options);
    assert.ok(tried >= 1000, `${tried} tried`);
  });

  it("what a framework takes for a logout ends the token", async (t) => {
    const { tried, loggedOut } = await fuzzLogouts(await placeInFront(t, placeRevgate), options);
    t.diagnostic(`${loggedOut} of ${tried} targets were logouts`);
    assert.ok(loggedOut > 10, `${loggedOut} of ${tried}`);
  });

  it("a naive gate gives way soon, to both", async (t) => {
    const fronts = await placeInFront(t, placeNaive);
    await assert.rejects(fuzzExemptions(fronts, options));
    await assert.rejects(fuzzLogouts(fronts, options));
  });
});
