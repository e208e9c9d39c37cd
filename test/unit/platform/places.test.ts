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

  it("keeps three in four for work at most: the rest is given away, what does no work first", () => {
    const take = createPlaces(() => 4);
    const gone: string[] = [];
    const places = ["a", "b", "c", "d"].map((name) => take(name, () => gone.push(name)));
    const [end] = places.map((place) => place?.work());
    for (const name of ["e", "f"]) assert.ok(take(name, () => gone.push(name)));
    assert.deepEqual(gone, ["d", "e"]);
    // That of one that has ended is kept no more, and may be for another.
    end?.();
    const last = take("g", () => gone.push("g"));
    last?.work();
    for (const name of ["h", "i"]) assert.ok(take(name, () => gone.push(name)));
    assert.deepEqual(gone, ["d", "e", "a", "f", "h"]);
  });

  it("never gives away the places kept for work, and turns newcomers away if those are all", () => {
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
