import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFleet } from "../../../src/admin/overview.ts";

describe("the fleet in the overview", () => {
  it("has this sidecar, then those that have been silent longest, and counts the others", () => {
    const others = Array.from({ length: 5000 }, (_, i) => ({ isSelf: false, silentMs: i }));
    const self = { isSelf: true, silentMs: 7 };
    const described = describeFleet({ fleet: [...others, self], stalenessLimitSeconds: 0.15 });
    assert.equal(described.known, 5001);
    assert.equal(described.sidecars.length, 20);
    assert.deepEqual(described.sidecars.slice(0, 3), [
      { isSelf: true, silentSeconds: 0.007 },
      { isSelf: false, silentSeconds: 4.999 },
      { isSelf: false, silentSeconds: 4.998 },
    ]);
  });
});
