import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sweepInSteps } from "../../../src/denylist/housekeeping.ts";

describe("a sweep", () => {
  it("looks at as many entries as ever, a few in each turn of the event loop", async () => {
    let turn = 0;
    let timer = setImmediate(function count() {
      turn += 1;
      timer = setImmediate(count);
    });
    const perTurn = new Map<number, number>();
    await sweepInSteps({
      sweep: (entries) => void perTurn.set(turn, (perTurn.get(turn) ?? 0) + entries),
    });
    clearImmediate(timer);
    const looks = [...perTurn.values()];
    assert.equal(
      looks.reduce((sum, entries) => sum + entries, 0),
      16_384,
    );
    assert.ok(Math.max(...looks) <= 1024, looks.join());
  });
});
