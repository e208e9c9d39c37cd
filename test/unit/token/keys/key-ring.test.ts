import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fixedKeys, joinRings, type KeyRing } from "../../../../src/token/keys/key-ring.ts";

/** A ring whose search ends when it is told to. */
function searching(more: Partial<KeyRing> = {}) {
  let resolve = () => {};
  const promise = new Promise<void>((end) => {
    resolve = end;
  });
  const ring: KeyRing = { ...fixedKeys([]), lookFor: () => promise, seek: () => promise, ...more };
  return { ring, end: () => resolve() };
}

describe("several key rings as one", () => {
  it("look for a key in each that can, and are done when all are", async () => {
    const [one, other] = [searching(), searching()];
    const joined = joinRings([fixedKeys([]), one.ring, other.ring]);
    let isDone = false;
    const looking = joined.lookFor()?.then(() => {
      isDone = true;
    });
    assert.ok(looking);
    one.end();
    await one.ring.lookFor();
    await new Promise(setImmediate);
    assert.equal(isDone, false);
    other.end();
    await looking;
    assert.equal(joinRings([fixedKeys([]), fixedKeys([])]).lookFor(), undefined);
  });

  it("seek until one has it, or all have looked", async () => {
    const [one, other] = [searching(), searching()];
    const joined = joinRings([one.ring, other.ring]);
    one.end();
    await joined.seek(() => true);
    let isDone = false;
    const seeking = joined
      .seek(() => false)
      .then(() => {
        isDone = true;
      });
    await new Promise(setImmediate);
    assert.equal(isDone, false);
    other.end();
    await seeking;
  });

  it("may get what one of them may, and tell the trouble of any", () => {
    const troubled = searching({ trouble: "away", mayGet: (alg) => alg === "ES256" });
    const joined = joinRings([fixedKeys([]), troubled.ring]);
    assert.equal(joined.trouble, "away");
    assert.deepEqual([joined.mayGet("ES256"), joined.mayGet("RS256")], [true, false]);
    assert.equal(joinRings([troubled.ring]), troubled.ring);
  });
});
