import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLong } from "../helpers/form.ts";
import { runScenario } from "./scenario.ts";

const unlimited = { revocations: Infinity, faults: Infinity };

describe("chaos, in short", () => {
  for (const [topology, seconds] of [
    ["sentinel", isLong ? 8 : 4],
    ["cluster", isLong ? 8 : 4],
    ["embedded", isLong ? 4 : 2],
  ] as const) {
    it(`breaks no promise with ${topology}`, { timeout: 200_000 }, async (t) => {
      const report = await runScenario(t, {
        topology,
        smallSnapshots: true,
        seed: 1,
        seconds,
        ...unlimited,
      });
      const { violations, ...figures } = report;
      t.diagnostic(JSON.stringify(figures));
      assert.deepEqual(violations.slice(0, 5), []);
      assert.ok(figures.revocations > 0 && Object.keys(figures.faults).length > 0);
    });
  }
});
