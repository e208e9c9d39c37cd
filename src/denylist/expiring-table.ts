import { randomBytes } from "node:crypto";
import type { Clock, EpochSeconds } from "../platform/clock.ts";
import { type Mix, TableSegment, wordsPerKey } from "./table-segment.ts";

/** A power of two. Segments grow one by one, so that the growth of a large table is no pause. */
const segmentCount = 256;

/** The value of each base64url character, by its code. */
const sixBits = new Uint8Array(128);
for (const [value, character] of [
  ..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
].entries()) {
  sixBits[character.charCodeAt(0)] = value;
}

/**
 * Live revocations of one kind, in memory: 128 bits of the name's hash and its expiry, 27 to 40 bytes an
 * entry (a fifth more with cut-offs).
 *
 * Where a name lands depends on a secret of this process, so that no client can choose names that
 * collide.
 */
export class ExpiringTable {
  readonly #segments: readonly TableSegment[];
  readonly #mix: Mix;
  readonly #sought = new Uint32Array(wordsPerKey);
  readonly #clock: Clock;
  #size = 0;
  /** Where the sweep goes on: a segment, and a slot of it. */
  #sweptSegment = 0;
  #sweptSlot = 0;

  constructor(clock: Clock, { withCutoffs = false } = {}) {
    this.#clock = clock;
    this.#mix = secretMix();
    this.#segments = Array.from(
      { length: segmentCount },
      () => new TableSegment(this.#mix, withCutoffs),
    );
  }

  /** Entries held, those included that expired since the last sweep. */
  get size(): number {
    return this.#size;
  }

  /** Whether that name is in the table and has not expired. */
  has(value: string): boolean {
    const mixed = this.#seek(value);
    const segment = this.#segmentOf(mixed);
    return segment.expiryAt(segment.find(this.#sought, mixed)) > this.#clock.nowSeconds();
  }

  /** The cut-off of that name, in whole seconds; undefined where it is not in the table or has expired. */
  cutoffOf(value: string): EpochSeconds | undefined {
    const mixed = this.#seek(value);
    const segment = this.#segmentOf(mixed);
    const slot = segment.find(this.#sought, mixed);
    if (segment.expiryAt(slot) <= this.#clock.nowSeconds()) return undefined;
    return segment.cutoffAt(slot);
  }

  /**
   * Adds a name, or extends it: of two expiries and of two cut-offs the later holds.
   *
   * Returns whether that says more than the table knew.
   */
  add(value: string, expiresAt: EpochSeconds, cutoff: EpochSeconds = 0): boolean {
    const mixed = this.#seek(value);
    const segment = this.#segmentOf(mixed);
    const before = segment.size;
    segment.makeRoom(this.#clock.nowSeconds());
    const slot = segment.find(this.#sought, mixed);
    const [expiry, later] = [wholeSeconds(expiresAt), wholeSeconds(cutoff)];
    const held = segment.expiryAt(slot);
    const heldCutoff = segment.cutoffAt(slot) ?? later;
    if (held === 0) segment.fill(slot, this.#sought, expiry, later);
    else segment.update(slot, Math.max(held, expiry), Math.max(heldCutoff, later));
    this.#size += segment.size - before;
    return expiry > held || later > heldCutoff;
  }

  /**
   * Drops expired entries from the next `slots` slots, and goes on there the next time.
   *
   * A sweep in small steps costs no request a pause, whatever the table's size.
   */
  sweep(slots: number): void {
    const now = this.#clock.nowSeconds();
    const capacity = this.#segments.reduce((sum, segment) => sum + segment.capacity, 0);
    for (let step = Math.min(slots, capacity); step > 0; step -= 1) {
      const segment = this.#segmentOf(this.#sweptSegment);
      const expiry = segment.expiryAt(this.#sweptSlot);
      // Removing moves a later entry into this slot: it is looked at again before going on.
      if (expiry !== 0 && expiry <= now) {
        segment.remove(this.#sweptSlot);
        this.#size -= 1;
        continue;
      }
      this.#sweptSlot += 1;
      if (this.#sweptSlot < segment.capacity) continue;
      this.#sweptSlot = 0;
      this.#sweptSegment += 1;
    }
  }

  #segmentOf(mixed: number): TableSegment {
    return this.#segments[mixed & (segmentCount - 1)] as TableSegment;
  }

  /** Loads 128 bits of the name into `#sought`, and returns their mix; 22 base64url characters hold 132. */
  #seek(value: string): number {
    const sought = this.#sought;
    let at = 0;
    let bits = 0;
    let held = 0;
    for (let word = 0; word < wordsPerKey; word += 1) {
      let filled = 0;
      let assembled = 0;
      while (filled < 32) {
        if (held === 0) {
          bits = sixBits[value.charCodeAt(at) & 127] ?? 0;
          held = 6;
          at += 1;
        }
        const take = Math.min(held, 32 - filled);
        assembled = (assembled << take) | ((bits >>> (held - take)) & ((1 << take) - 1));
        held -= take;
        filled += take;
      }
      sought[word] = assembled;
    }
    return this.#mix(sought[0] ?? 0, sought[1] ?? 0);
  }
}

/** A mix that depends on a secret of this process. */
function secretMix(): Mix {
  const [first = 0, second = 0] = new Uint32Array(new Uint8Array(randomBytes(8)).buffer);
  return (a, b) => {
    let mixed = Math.imul(a ^ first, 0x9e3779b1);
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ b, 0x85ebca77) ^ second;
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae3d);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
}

/** Rounded up, so that nothing ends early; the 32 bits last until the year 2106. */
function wholeSeconds(time: EpochSeconds): number {
  return Math.min(Math.ceil(time), 2 ** 32 - 1);
}
