import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { ExpiringTable } from "../../../../src/denylist/memory/expiring-table.ts";

const nameOf = (what: string | number) =>
  createHash("sha256").update(String(what)).digest("base64url");

function tableAt(start: number) {
  const clock = { seconds: start, nowSeconds: () => clock.seconds };
  return { clock, table: new ExpiringTable(clock) };
}

describe("ExpiringTable", () => {
  it("holds a name until it expires, to the second", () => {
    const { clock, table } = tableAt(1000);
    table.add(nameOf("a"), 1010);
    assert.equal(table.has(nameOf("a")), true);
    assert.equal(table.has(nameOf("b")), false);
    clock.seconds = 1009.999;
    assert.equal(table.has(nameOf("a")), true);
    clock.seconds = 1010;
    assert.equal(table.has(nameOf("a")), false);
  });

  it("never ends an entry early: fractions are rounded up, and the later of two expiries holds", () => {
    const { clock, table } = tableAt(1000);
    table.add(nameOf("a"), 1010.2);
    table.add(nameOf("a"), 1005);
    clock.seconds = 1010.1;
    assert.equal(table.has(nameOf("a")), true);
    assert.equal(table.size, 1);
  });

  it("keeps the later of two cut-offs, through growth and removals", () => {
    const clock = { seconds: 0, nowSeconds: () => clock.seconds };
    const table = new ExpiringTable(clock, { withCutoffs: true });
    const count = 5000;
    for (let i = 0; i < count; i += 1) {
      table.add(nameOf(i), i % 2 === 0 ? 10 : 100, { cutoff: i + 1 });
      table.add(nameOf(i), 5, { cutoff: i });
    }
    clock.seconds = 10;
    table.sweep(1 << 20);
    assert.equal(table.size, count / 2);
    const held = Array.from({ length: count }, (_, i) => table.cutoffOf(nameOf(i)));
    assert.ok(held.every((cutoff, i) => cutoff === (i % 2 === 0 ? undefined : i + 1)));
  });

  it("says whether an entry is news", () => {
    const clock = { nowSeconds: () => 0 };
    const table = new ExpiringTable(clock, { withCutoffs: true });
    assert.equal(table.add(nameOf("a"), 10, { cutoff: 5 }), true);
    assert.equal(table.add(nameOf("a"), 10, { cutoff: 5 }), false);
    assert.equal(table.add(nameOf("a"), 9, { cutoff: 4 }), false);
    assert.equal(table.add(nameOf("a"), 10, { cutoff: 6 }), true);
    assert.equal(table.add(nameOf("a"), 11, { cutoff: 6 }), true);
    const plain = new ExpiringTable(clock);
    assert.equal(plain.add(nameOf("a"), 10), true);
    assert.equal(plain.add(nameOf("a"), 10), false);
  });

  it("tells names apart by each of their first 128 bits", () => {
    const { table } = tableAt(0);
    const digest = createHash("sha256").update("a").digest();
    table.add(digest.toString("base64url"), 10);
    for (let bit = 0; bit < 128; bit += 1) {
      const other = Buffer.from(digest);
      other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.equal(table.has(other.toString("base64url")), false, `bit ${bit}`);
    }
  });

  it("keeps every live entry and no dead one through growth, sweeps and removals", () => {
    const { clock, table } = tableAt(0);
    const count = 20_000;
    for (let i = 0; i < count; i += 1) table.add(nameOf(i), 1 + (i % 100));
    assert.equal(table.size, count);
    for (clock.seconds = 0; clock.seconds < 100; clock.seconds += 25) {
      table.sweep(1 << 20);
      const held = Array.from({ length: count }, (_, i) => table.has(nameOf(i)));
      const right = held.every((has, i) => has === 1 + (i % 100) > clock.seconds);
      assert.ok(right, `at ${clock.seconds}`);
    }
    clock.seconds = 100;
    table.sweep(1 << 20);
    assert.equal(table.size, 0);
  });

  it("sweeps no more entries at a time than asked, and gets round all of them", () => {
    const { clock, table } = tableAt(0);
    for (let i = 0; i < 500; i += 1) table.add(nameOf(i), 10);
    clock.seconds = 11;
    table.sweep(8);
    assert.ok(table.size >= 492);
    for (let i = 0; i < 1024; i += 1) table.sweep(8);
    assert.equal(table.size, 0);
  });

  it("makes room by dropping what has expired before it grows", () => {
    const { clock, table } = tableAt(0);
    for (let round = 0; round < 50; round += 1) {
      clock.seconds = round * 10;
      for (let i = 0; i < 700; i += 1) table.add(nameOf(`${round}.${i}`), clock.seconds + 5);
    }
    assert.ok(table.size < 3000, `${table.size} held`);
    assert.ok(Array.from({ length: 700 }, (_, i) => table.has(nameOf(`49.${i}`))).every(Boolean));
  });

  it("is no slower for names that look as if they were chosen to collide", () => {
    const count = 30_000;
    const shaped = (write: (bytes: Buffer, i: number) => void) =>
      Array.from({ length: count }, (_, i) => {
        const bytes = Buffer.alloc(32);
        write(bytes, i);
        return bytes.toString("base64url");
      });
    const secondsFor = (names: readonly string[]) => {
      const table = new ExpiringTable({ nowSeconds: () => 0 });
      const started = performance.now();
      for (const name of names) table.add(name, 1000);
      for (const name of names) assert.ok(table.has(name));
      return (performance.now() - started) / 1000;
    };
    const random = secondsFor(shaped((bytes) => void crypto.getRandomValues(bytes)));
    const shapes = [
      shaped((bytes, i) => void bytes.writeUInt32BE(i)),
      shaped((bytes, i) => void bytes.writeUInt32BE((i << 16) >>> 0)),
      shaped((bytes, i) => void bytes.writeUInt32BE(i, 4)),
      shaped((bytes, i) => void bytes.writeUInt32BE((i << 16) >>> 0, 4)),
    ];
    // Names that did collide would take thousands of times as long.
    for (const names of shapes) assert.ok(secondsFor(names) < 50 * random + 1);
  });
});
