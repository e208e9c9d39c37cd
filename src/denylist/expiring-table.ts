import { randomBytes } from "node:crypto";
import type { Clock, EpochSeconds } from "../platform/clock.ts";

const wordsPerKey = 4;
const smallestCapacity = 1024;
const fullestLoad = 0.75;

/** The value of each base64url character, by its code. */
const sixBits = new Uint8Array(128);
for (const [value, character] of [
  ..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
].entries()) {
  sixBits[character.charCodeAt(0)] = value;
}

/**
 * Live revocations of one kind, in memory: 128 bits of the name's hash and its expiry, in typed arrays.
 *
 * Open addressing with linear probing; 20 bytes a slot at a load of at most 3/4, so about 27 to 53
 * bytes an entry and nothing for the garbage collector to walk. Where a name lands depends on a
 * secret of this process, so that no client can choose names that collide.
 */
export class ExpiringTable {
  #keys: Uint32Array;
  /** Whole seconds, rounded up; 0 is an empty slot. */
  #expiries: Uint32Array;
  /** Whole seconds; without cut-offs an array of no length, which reads as undefined and ignores writes. */
  #cutoffs: Uint32Array;
  #mask: number;
  #size = 0;
  #sweptTo = 0;
  readonly #secret: Uint32Array;
  readonly #sought = new Uint32Array(wordsPerKey);
  readonly #clock: Clock;
  readonly #withCutoffs: boolean;

  constructor(clock: Clock, { withCutoffs = false } = {}) {
    this.#clock = clock;
    this.#withCutoffs = withCutoffs;
    this.#secret = new Uint32Array(new Uint8Array(randomBytes(8)).buffer);
    this.#keys = new Uint32Array(smallestCapacity * wordsPerKey);
    this.#expiries = new Uint32Array(smallestCapacity);
    this.#cutoffs = new Uint32Array(withCutoffs ? smallestCapacity : 0);
    this.#mask = smallestCapacity - 1;
  }

  /** Entries held, those included that expired since the last sweep. */
  get size(): number {
    return this.#size;
  }

  /** Whether that name is in the table and has not expired. */
  has(value: string): boolean {
    this.#seek(value);
    return (this.#expiries[this.#find()] ?? 0) > this.#clock.nowSeconds();
  }

  /** The cut-off held with that name, in whole seconds; undefined where it is not in the table. */
  cutoffOf(value: string): EpochSeconds | undefined {
    this.#seek(value);
    const slot = this.#find();
    if ((this.#expiries[slot] ?? 0) <= this.#clock.nowSeconds()) return undefined;
    return this.#cutoffs[slot];
  }

  /**
   * Adds a name, or extends it: of two expiries and of two cut-offs the later holds.
   *
   * Returns whether that says more than the table knew.
   */
  add(value: string, expiresAt: EpochSeconds, cutoff: EpochSeconds = 0): boolean {
    if ((this.#size + 1) / this.#expiries.length > fullestLoad) this.#resize();
    this.#seek(value);
    const slot = this.#find();
    const held = this.#expiries[slot] ?? 0;
    if (held === 0) {
      this.#keys.set(this.#sought, slot * wordsPerKey);
      this.#size += 1;
    }
    const expiry = wholeSeconds(expiresAt);
    const later = wholeSeconds(cutoff);
    const grows = expiry > held || later > (this.#cutoffs[slot] ?? later);
    if (expiry > held) this.#expiries[slot] = expiry;
    if (held === 0 || later > (this.#cutoffs[slot] ?? 0)) this.#cutoffs[slot] = later;
    return grows;
  }

  /**
   * Drops expired entries from the next `slots` slots, and goes on there the next time.
   *
   * A sweep in small steps costs no request a pause, whatever the table's size.
   */
  sweep(slots: number): void {
    const now = this.#clock.nowSeconds();
    const steps = Math.min(slots, this.#expiries.length);
    for (let step = 0; step < steps; step += 1) {
      const slot = this.#sweptTo & this.#mask;
      const expiry = this.#expiries[slot] ?? 0;
      // Removing moves a later entry into this slot: it is looked at again before going on.
      if (expiry !== 0 && expiry <= now) this.#remove(slot);
      else this.#sweptTo = (slot + 1) & this.#mask;
    }
  }

  /** Loads 128 bits of the name into `#sought`; 22 base64url characters hold 132. */
  #seek(value: string): void {
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
  }

  /** The slot that holds `#sought`, or the empty one where it would go. */
  #find(): number {
    const keys = this.#keys;
    const [a, b, c, d] = this.#sought as unknown as [number, number, number, number];
    let slot = this.#home(a, b);
    while (this.#expiries[slot] !== 0) {
      const at = slot * wordsPerKey;
      if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d) break;
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  /** Where an entry would like to be: a mix of its first 64 bits and this process's secret. */
  #home(a: number, b: number): number {
    let mixed = Math.imul(a ^ (this.#secret[0] ?? 0), 0x9e3779b1);
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ b, 0x85ebca77) ^ (this.#secret[1] ?? 0);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae3d);
    return (mixed ^ (mixed >>> 16)) & this.#mask;
  }

  /** Empties a slot and closes the gap, so that no tombstones are needed. */
  #remove(slot: number): void {
    const keys = this.#keys;
    const expiries = this.#expiries;
    let gap = slot;
    let next = (gap + 1) & this.#mask;
    while (expiries[next] !== 0) {
      const home = this.#home(keys[next * wordsPerKey] ?? 0, keys[next * wordsPerKey + 1] ?? 0);
      // An entry may move back to the gap only if its home is not between the gap and itself.
      if (((next - home) & this.#mask) >= ((next - gap) & this.#mask)) {
        keys.copyWithin(gap * wordsPerKey, next * wordsPerKey, (next + 1) * wordsPerKey);
        expiries[gap] = expiries[next] ?? 0;
        this.#cutoffs[gap] = this.#cutoffs[next] ?? 0;
        gap = next;
      }
      next = (next + 1) & this.#mask;
    }
    expiries[gap] = 0;
    this.#size -= 1;
  }

  /** Moves all live entries to new arrays, twice as large unless most have expired. */
  #resize(): void {
    const keys = this.#keys;
    const expiries = this.#expiries;
    const cutoffs = this.#cutoffs;
    const now = this.#clock.nowSeconds();
    const live = expiries.reduce((count, expiry) => (expiry > now ? count + 1 : count), 0);
    const capacity = live > expiries.length / 4 ? expiries.length * 2 : expiries.length;

    this.#keys = new Uint32Array(capacity * wordsPerKey);
    this.#expiries = new Uint32Array(capacity);
    this.#cutoffs = new Uint32Array(this.#withCutoffs ? capacity : 0);
    this.#mask = capacity - 1;
    this.#size = 0;
    this.#sweptTo = 0;
    for (const [slot, expiry] of expiries.entries()) {
      if (expiry <= now) continue;
      this.#sought.set(keys.subarray(slot * wordsPerKey, (slot + 1) * wordsPerKey));
      const free = this.#find();
      this.#keys.set(this.#sought, free * wordsPerKey);
      this.#expiries[free] = expiry;
      this.#cutoffs[free] = cutoffs[slot] ?? 0;
      this.#size += 1;
    }
  }
}

/** Rounded up, so that nothing ends early; the 32 bits last until the year 2106. */
function wholeSeconds(time: EpochSeconds): number {
  return Math.min(Math.ceil(time), 2 ** 32 - 1);
}
