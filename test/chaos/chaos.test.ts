import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Breakage } from "./breakages.ts";
import { runScenario } from "./scenario.ts";
import type { Topology } from "./store.ts";

const unlimited = { revocations: Infinity, faults: Infinity };

describe("chaos, in short", () => {
  for (const [topology, seconds] of [
    ["sentinel", 25],
    ["cluster", 20],
    ["embedded", 10],
  ] as const) {
    it(`breaks no promise with ${topology}`, { timeout: 115_000 }, async (t) => {
      const seed = Date.now() % 1_000_000;
      const report = await runScenario(t, { topology, seed, seconds, ...unlimited });
      const { violations, ...figures } = report;
      t.diagnostic(`seed ${seed}: ${JSON.stringify(figures)}`);
      assert.deepEqual(violations.slice(0, 5), [], `seed ${seed}`);
      assert.ok(figures.revocations > 0 && Object.keys(figures.faults).length > 0);
    });
  }
});

describe("the checker of chaos, with a promise broken on purpose", () => {
  const broken: [Breakage, Topology, string][] = [
    ["no-hold", "single", "revoked token allowed"],
    ["no-epoch", "single", "revoked token allowed"],
    ["late-journal", "embedded", "revoked token allowed"],
    ["fixed-ttl", "embedded", "revoked token allowed"],
  ];
  for (const [breakage, topology, expected] of broken) {
    it(`notices ${breakage}`, { timeout: 115_000 }, async (t) => {
      const { violations } = await runScenario(t, {
        topology,
        seed: 1,
        seconds: 60,
        ...unlimited,
        breakage,
        untilViolation: true,
      });
      assert.ok(violations.some(({ what }) => what === expected));
    });
  }
});
