import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { classes } from "./classes/index.ts";
import { placeNaive } from "./gatekeepers.ts";

/** On a busy machine even a gate that gives way may take long; most that do not answer never will. */
const patiencesMs = [3000, 30_000];

/** Whether the gate holds. One that does not answer at all does not count as having given way. */
async function holds(attempt: () => Promise<void>, patienceMs: number): Promise<boolean> {
  const impatience = AbortSignal.timeout(patienceMs);
  const late = new Promise<boolean>((resolve) => {
    impatience.addEventListener("abort", () => resolve(true));
  });
  const outcome = attempt().then(
    () => true,
    () => false,
  );
  return Promise.race([outcome, late]);
}

/** The first vector that it gives way to. */
async function findGap(attempts: readonly (() => Promise<void>)[]): Promise<number | undefined> {
  for (const patienceMs of patiencesMs) {
    for (const [index, attempt] of attempts.entries()) {
      if (!(await holds(attempt, patienceMs))) return index;
    }
  }
  return undefined;
}

describe("a gate as it is often written", () => {
  for (const attacks of classes) {
    it(`gives way to: ${attacks.name}`, async (t) => {
      const gap = await findGap(await attacks.prepare(t, placeNaive));
      assert.notEqual(gap, undefined, "withstands every vector: they do not bite");
      t.diagnostic(`gives way to: ${attacks.vectors[gap ?? 0]?.name}`);
    });
  }
});
