import assert from "node:assert/strict";
import { it } from "node:test";
import type { Fuzzer, FuzzOptions } from "./fuzzer.ts";

/** Tests the short form of each. */
export function describeFuzzers(
  fuzzers: readonly Fuzzer[],
  more: () => Pick<FuzzOptions, "frameworks"> = () => ({}),
): void {
  for (const { name, claim, short, fuzz } of fuzzers) {
    it(`${name}: ${claim}`, async (t) => {
      const { atLeast, ...limits } = short;
      const counts = await fuzz(t, { seed: undefined, ...limits, ...more() });
      t.diagnostic(JSON.stringify(counts));
      for (const [what, least] of Object.entries(atLeast)) {
        assert.ok((counts[what] ?? 0) >= least, `${what}: ${counts[what]} of ${least}`);
      }
    });
  }
}
