import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConnectionPlaces, type Standing } from "../../../src/server/connection-places.ts";

/** Places of which a test moves the clock. */
function open(max: number) {
  const now = { ms: 0, max, looks: 0 };
  const places = new ConnectionPlaces(
    () => now.max,
    () => now.ms,
  );
  const come = (network: string, standing: Standing = "idle") => {
    const fares = { standing, gaveWay: false, refused: false, leave: () => {} };
    const leave = places.take(network, {
      get standing() {
        now.looks += 1;
        return fares.standing;
      },
      giveWay() {
        fares.gaveWay = true;
      },
    });
    fares.refused = leave === undefined;
    fares.leave = leave ?? (() => {});
    return fares;
  };
  const fill = (network: string, standing: Standing, count: number) =>
    Array.from({ length: count }, () => come(network, standing));
  return { now, come, fill };
}

const gaveWay = (all: readonly { readonly gaveWay: boolean }[]) =>
  all.flatMap((each, index) => (each.gaveWay ? [index] : []));

describe("ConnectionPlaces", () => {
  it("has the oldest idle connection of the network with the most give way", () => {
    const { come, fill } = open(5);
    const all = [...fill("b", "idle", 2), ...fill("a", "idle", 3)];
    assert.equal(come("c").refused, false);
    assert.deepEqual(gaveWay(all), [2]);
  });

  it("never ends work: not for a newcomer, and not for its own network's", () => {
    const { come, fill } = open(3);
    const all = fill("a", "work", 3);
    assert.deepEqual([come("a").refused, come("b").refused], [true, true]);
    assert.deepEqual(gaveWay(all), []);
  });

  it("takes nothing from a network that has no more than the newcomer's, which loses its own", () => {
    const { come, fill } = open(4);
    const all = [...fill("a", "idle", 2), ...fill("b", "idle", 2)];
    assert.equal(come("b").refused, false);
    assert.deepEqual(gaveWay(all), [2]);
    const full = open(4);
    const others = [...full.fill("a", "idle", 2), ...full.fill("b", "work", 2)];
    assert.equal(full.come("b").refused, true);
    assert.deepEqual(gaveWay(others), []);
  });

  it("finds what has become idle since, within a second, and not what works again", () => {
    const { now, come, fill } = open(3);
    const all = fill("a", "work", 3);
    const [first, second] = all;
    assert.equal(come("b").refused, true);
    if (second) second.standing = "idle";
    now.ms = 999;
    assert.equal(come("b").refused, true);
    now.ms = 1000;
    assert.equal(come("b").refused, false);
    assert.deepEqual(gaveWay(all), [1]);
    if (first) first.standing = "idle";
    now.ms = 2000;
    const fourth = come("a", "idle");
    assert.equal(fourth.refused, false);
    assert.deepEqual(gaveWay(all), [0, 1]);
  });

  it("has what its client alone keeps give way only if its network has more than half, and to others only", () => {
    const half = open(4);
    const even = [...half.fill("a", "client", 2), ...half.fill("b", "work", 2)];
    assert.equal(half.come("c").refused, true);
    assert.deepEqual(gaveWay(even), []);

    const { now, come, fill } = open(4);
    const all = [...fill("b", "work", 1), ...fill("a", "client", 3)];
    assert.equal(come("a").refused, true);
    now.ms = 1000;
    assert.equal(come("c", "work").refused, false);
    assert.deepEqual(gaveWay(all), [1]);
    // By now it has half.
    assert.equal(come("c").refused, true);
  });

  it("counts what leaves once, and holds a limit that is lowered", () => {
    const { now, come, fill } = open(4);
    const all = fill("a", "idle", 4);
    all[3]?.leave();
    all[3]?.leave();
    assert.deepEqual([come("b").refused, gaveWay(all)], [false, []]);
    now.max = 2;
    assert.equal(come("c").refused, false);
    assert.deepEqual(gaveWay(all), [0, 1]);
  });

  it("looks at each connection once a second at most, however many come", () => {
    const { now, come, fill } = open(2000);
    fill("a", "work", 1000);
    fill("b", "idle", 1000);
    for (let i = 0; i < 1000; i += 1) come("a", "work");
    assert.ok(now.looks <= 2 * 2000, `${now.looks}`);
    now.looks = 0;
    now.ms = 1000;
    for (let i = 0; i < 1000; i += 1) assert.equal(come("a").refused, true);
    assert.ok(now.looks <= 2000, `${now.looks}`);
  });
});
