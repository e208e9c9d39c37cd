import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createPlaces } from "../../../src/platform/places.ts";

describe("a bounded number of places", () => {
  it("gives a newcomer the place that the busiest peer took first", () => {
    const take = createPlaces(() => 3);
    const gone: string[] = [];
    for (const name of ["a1", "b1", "b2", "a2", "c1"]) {
      assert.ok(take(name.slice(0, 1), () => gone.push(name)));
    }
    // Of a1, b1, b2: b has the most. Then a1 and a2 are the most.
    assert.deepEqual(gone, ["b1", "a1"]);
  });

  it("never gives away a place at work, and turns newcomers away if all are", () => {
    const take = createPlaces(() => 1);
    const first = take("a", () => assert.fail("given away"));
    const end = first?.work();
    assert.equal(
      take("b", () => {}),
      undefined,
    );
    end?.();
    first?.leave();
    assert.ok(take("b", () => {}));
  });

  it("follows a bound that changes", () => {
    let max = 2;
    const take = createPlaces(() => max);
    const gone: number[] = [];
    take("a", () => gone.push(1));
    take("a", () => gone.push(2));
    max = 3;
    take("a", () => gone.push(3));
    assert.deepEqual(gone, []);
  });
});
