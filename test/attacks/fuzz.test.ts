import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { endWithAll } from "../helpers/shared.ts";
import { placeInFront } from "./classes/fronted.ts";
import { type Framework, startFrameworks } from "./frameworks/framework.ts";
import { describeFuzzers } from "./fuzzers/describe.ts";
import { requestFuzzers } from "./fuzzers/index.ts";
import { fuzzExemptions, fuzzLogouts } from "./fuzzers/targets.ts";
import { placeNaive } from "./gatekeepers.ts";

describe("targets", () => {
  const ending = endWithAll();
  let frameworks: readonly Framework[] = [];
  before(async () => {
    frameworks = await startFrameworks(ending);
  });

  describe("whatever comes in", () => {
    describeFuzzers(requestFuzzers, () => ({ frameworks }));
  });

  describe("a naive gate", () => {
    it("gives way soon, to targets with a token and without", async (t) => {
      const options = { runs: 4000, seed: undefined, timeLimitMs: 30_000 };
      const fronts = await placeInFront(t, placeNaive, frameworks);
      await assert.rejects(fuzzExemptions(fronts, options));
      await assert.rejects(fuzzLogouts(fronts, options));
    });
  });
});
