/** 128 bits of a name's hash, as the four words that a slot holds. */
export type Key = Uint32Array;

/** How many words a key has. */
export const wordsPerKey = 4;

/** Capacities are this times two and three in turn: 16, 24, 32, 48 and so on. */
const smallestCapacity = 16;
const fullestLoad = 0.75;
const beyond32Bits = 2 ** 32;

/** Mixes the first 64 bits of a key to 32 that nobody outside can foresee; unsigned. */
export type Mix = (a: number, b: number) => number;

/**
 * A part of a table: keys, expiries and, where asked for, cut-offs, in typed arrays.
 *
 * Open addressing with linear probing; 20 bytes a slot (24 with cut-offs) at a load between 1/2 and 3/4
 * and nothing for the garbage collector to walk. Times are whole seconds; 0 is an empty slot.
 */
export class TableSegment {
  size = 0;
  #keys = new Uint32Array(smallestCapacity * wordsPerKey);
  #expiries = new Uint32Array(smallestCapacity);
  /** Without cut-offs an array of no length, which reads as undefined and ignores writes. */
  #cutoffs: Uint32Array;
  #capacity = smallestCapacity;
  readonly #mix: Mix;
  readonly #withCutoffs: boolean;

  constructor(mix: Mix, withCutoffs: boolean) {
    this.#mix = mix;
    this.#withCutoffs = withCutoffs;
    this.#cutoffs = new Uint32Array(withCutoffs ? smallestCapacity : 0);
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** The slot that holds the key, or the empty one where it would go; `mixed` is its mix. */
  find(key: Key, mixed: number): number {
    const keys = this.#keys;
    const [a, b, c, d] = key as unknown as [number, number, number, number];
    let slot = this.#home(mixed);
    while (this.#expiries[slot] !== 0) {
      const at = slot * wordsPerKey;
      if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d) break;
      slot = this.#after(slot);
    }
    return slot;
  }

  /** The expiry in a slot; 0 where it is empty. */
  expiryAt(slot: number): number {
    return this.#expiries[slot] ?? 0;
  }

  /** The cut-off in a slot; undefined in a table without. */
  cutoffAt(slot: number): number | undefined {
    return this.#cutoffs[slot];
  }

  /** Puts a key into an empty slot that was found for it. */
  fill(slot: number, key: Key, expiry: number, cutoff: number): void {
    this.#keys.set(key, slot * wordsPerKey);
    this.#expiries[slot] = expiry;
    this.#cutoffs[slot] = cutoff;
    this.size += 1;
  }

  /** Changes the times in a slot that holds a key. */
  update(slot: number, expiry: number, cutoff: number): void {
    this.#expiries[slot] = expiry;
    this.#cutoffs[slot] = cutoff;
  }

  /** Makes room for one more where there is none, dropping what has expired by `now`. */
  makeRoom(now: number): void {
    if ((this.size + 1) / this.#capacity <= fullestLoad) return;
    const [keys, expiries, cutoffs] = [this.#keys, this.#expiries, this.#cutoffs];
    const live = expiries.reduce((count, expiry) => (expiry > now ? count + 1 : count), 0);
    const capacity = live > this.#capacity / 2 ? nextCapacity(this.#capacity) : this.#capacity;

    this.#keys = new Uint32Array(capacity * wordsPerKey);
    this.#expiries = new Uint32Array(capacity);
    this.#cutoffs = new Uint32Array(this.#withCutoffs ? capacity : 0);
    this.#capacity = capacity;
    this.size = 0;
    for (const [slot, expiry] of expiries.entries()) {
      if (expiry <= now) continue;
      const key = keys.subarray(slot * wordsPerKey, (slot + 1) * wordsPerKey);
      const free = this.find(key, this.#mix(key[0] ?? 0, key[1] ?? 0));
      this.fill(free, key, expiry, cutoffs[slot] ?? 0);
    }
  }

  /** Empties a slot and closes the gap, so that no tombstones are needed. */
  remove(slot: number): void {
    const keys = this.#keys;
    const expiries = this.#expiries;
    let gap = slot;
    let next = this.#after(gap);
    while (expiries[next] !== 0) {
      const at = next * wordsPerKey;
      const home = this.#home(this.#mix(keys[at] ?? 0, keys[at + 1] ?? 0));
      // An entry may move back to the gap only if its home is not between the gap and itself.
      if (this.#distance(home, next) >= this.#distance(gap, next)) {
        keys.copyWithin(gap * wordsPerKey, at, at + wordsPerKey);
        expiries[gap] = expiries[next] ?? 0;
        this.#cutoffs[gap] = this.#cutoffs[next] ?? 0;
        gap = next;
      }
      next = this.#after(next);
    }
    expiries[gap] = 0;
    this.size -= 1;
  }

  /** Where a key would like to be. Scaled, not masked: the capacity need not be a power of two. */
  #home(mixed: number): number {
    return Math.floor((mixed * this.#capacity) / beyond32Bits);
  }

  #after(slot: number): number {
    return slot + 1 === this.#capacity ? 0 : slot + 1;
  }

  /** How many steps lead from one slot to the other. */
  #distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.#capacity;
  }
}

function nextCapacity(capacity: number): number {
  const isPowerOfTwo = (capacity & (capacity - 1)) === 0;
  return isPowerOfTwo ? (capacity / 2) * 3 : (capacity / 3) * 4;
}
