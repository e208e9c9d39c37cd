import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { classes } from "./classes/index.ts";
import { placeNaive } from "./gatekeepers.ts";

const patienceMs = 3000;

/** Whether the gate holds. One that does not answer at all does not count as having given way. */
async function holds(attempt: () => Promise<void>): Promise<boolean> {
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

describe("a gate as it is often written", () => {
  for (const attacks of classes) {
    it(`gives way to: ${attacks.name}`, async (t) => {
      const attempts = await attacks.prepare(t, placeNaive);
      for (const [index, { name }] of attacks.vectors.entries()) {
        if (!(await holds(attempts[index] ?? (async () => {})))) {
          t.diagnostic(`gives way to: ${name}`);
          return;
        }
      }
      assert.fail("withstands every vector: they do not bite");
    });
  }
});
