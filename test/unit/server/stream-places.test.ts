import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Occupant, StreamPlaces } from "../../../src/server/stream-places.ts";

describe("StreamPlaces", () => {
  /** Comes in from a network, if there is room; returns what shows how it fares. */
  function come(places: StreamPlaces, network: string, more: Partial<Occupant> = {}) {
    const fares = { gaveWay: false, refused: false, leave: () => {} };
    fares.refused = !places.makeRoom(network);
    if (fares.refused) return fares;
    const giveWay = () => {
      fares.gaveWay = true;
    };
    fares.leave = places.take(network, { standsStill: false, isKept: false, ...more, giveWay });
    return fares;
  }
  const fill = (places: StreamPlaces, network: string, count: number, more?: Partial<Occupant>) =>
    Array.from({ length: count }, () => come(places, network, more));

  it("lets a newcomer in, and the network with the most loses its oldest", () => {
    const places = new StreamPlaces(() => 5);
    const small = fill(places, "b", 2);
    const many = fill(places, "a", 3);
    assert.equal(come(places, "c").refused, false);
    assert.deepEqual(
      [...small, ...many].map(({ gaveWay }) => gaveWay),
      [false, false, true, false, false],
    );
    assert.equal(places.size, 5);
  });

  it("has the oldest that stands still give way before what is at work", () => {
    const places = new StreamPlaces(() => 4);
    const [working] = fill(places, "a", 1);
    const [still] = fill(places, "a", 3, { standsStill: true });
    come(places, "b");
    assert.deepEqual([working?.gaveWay, still?.gaveWay], [false, true]);
  });

  it("refuses a network that has the most, unless one of its own stands still", () => {
    const places = new StreamPlaces(() => 2);
    const [first, second] = fill(places, "a", 2);
    assert.equal(come(places, "a").refused, true);
    assert.deepEqual([first?.gaveWay, second?.gaveWay], [false, false]);
    first?.leave();
    const still = come(places, "a", { standsStill: true });
    assert.equal(come(places, "a").refused, false);
    assert.equal(still.gaveWay, true);
  });

  it("takes nothing that is at work from a network with one more only", () => {
    const places = new StreamPlaces(() => 2);
    const all = [...fill(places, "a", 1), ...fill(places, "b", 1)];
    assert.equal(come(places, "c").refused, true);
    assert.ok(all.every(({ gaveWay }) => !gaveWay));
    const still = new StreamPlaces(() => 1);
    const [one] = fill(still, "a", 1, { standsStill: true });
    assert.equal(come(still, "c").refused, false);
    assert.equal(one?.gaveWay, true);
  });

  it("ends what is kept behind all else of its network, the oldest first", () => {
    const places = new StreamPlaces(() => 6);
    const kept = fill(places, "a", 3, { isKept: true, standsStill: true });
    const [other] = fill(places, "a", 1);
    const small = fill(places, "b", 2);
    for (const newcomer of ["c", "d"]) assert.equal(come(places, newcomer).refused, false);
    assert.deepEqual(
      [...kept, other, ...small].map((each) => each?.gaveWay),
      [true, false, false, true, false, false],
    );
  });

  it("ends nothing that is kept for its own network, or from one with one more only", () => {
    for (const [count, newcomer] of [
      [2, "a"],
      [1, "c"],
    ] as const) {
      const places = new StreamPlaces(() => count);
      const kept = fill(places, "a", count, { isKept: true, standsStill: true });
      assert.equal(come(places, newcomer).refused, true);
      assert.ok(kept.every(({ gaveWay }) => !gaveWay));
    }
  });

  it("finds what stands still behind any number that are kept", () => {
    const places = new StreamPlaces(() => 101);
    const kept = fill(places, "a", 100, { isKept: true });
    const [still] = fill(places, "a", 1, { standsStill: true });
    assert.equal(come(places, "c").refused, false);
    assert.equal(still?.gaveWay, true);
    assert.ok(kept.every(({ gaveWay }) => !gaveWay));
  });

  it("looks at a network by what it has at present", () => {
    // As many as it looks at in all.
    const networks = 64;
    const places = new StreamPlaces(() => networks + 3);
    for (let i = 0; i < networks; i += 1) fill(places, `a ${i}`, 2)[0]?.leave();
    const [still] = fill(places, "b", 2, { standsStill: true });
    const more = fill(places, "c", 2);
    assert.deepEqual(
      more.map(({ refused }) => refused),
      [false, false],
    );
    assert.equal(still?.gaveWay, true);
  });

  it("counts what has left no more, however often it says so", () => {
    const places = new StreamPlaces(() => 2);
    const [first] = fill(places, "a", 2);
    first?.leave();
    first?.leave();
    assert.equal(places.size, 1);
    assert.equal(come(places, "a").refused, false);
    assert.equal(come(places, "a").refused, true);
  });
});
