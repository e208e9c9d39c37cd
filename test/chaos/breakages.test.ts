import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Breakage } from "./breakages.ts";
import { runScenario } from "./scenario.ts";
import type { Topology } from "./stores/store.ts";

const unlimited = { revocations: Infinity, faults: Infinity };

describe("the checker of chaos, with a promise broken on purpose", () => {
  const broken: [Breakage, Topology, string][] = [
    ["no-hold", "single", "revoked token allowed"],
    ["no-epoch", "single", "revoked token allowed"],
    ["late-journal", "embedded", "revoked token allowed"],
    ["fixed-ttl", "embedded", "revoked token allowed"],
    ["no-sessions", "embedded", "revoked token allowed"],
    ["no-second", "embedded", "live token refused"],
    ["no-cut", "embedded", "revoked connection open"],
  ];
  for (const [breakage, topology, expected] of broken) {
    it(`notices ${breakage}`, { timeout: 115_000 }, async (t) => {
      const { violations } = await runScenario(t, {
        topology,
        seed: 1,
        ...unlimited,
        // What is left open is seen when all is over, unless its sidecar was killed in between.
        ...(breakage === "no-cut" ? { seconds: 5, faults: 0 } : { seconds: 60 }),
        breakage,
        untilViolation: true,
      });
      assert.ok(violations.some(({ what }) => what === expected));
    });
  }
});
