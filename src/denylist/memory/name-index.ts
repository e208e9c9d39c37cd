import type { EntryPool, Key } from "./entry-pool.ts";

/** Capacities are this times two and three in turn: 16, 24, 32, 48 and so on. */
const smallestCapacity = 16;
const fullestLoad = 0.75;
const beyond32Bits = 2 ** 32;

/** Mixes the first 64 bits of a key to 32 that no outsider can foresee; unsigned. */
export type Mix = (a: number, b: number) => number;

/**
 * A part of a table's index: where in the pool the entry of a key is.
 *
 * Open addressing with linear probing; 4 bytes a slot at a load between 1/2 and 3/4. A slot holds an
 * entry's number plus one; 0 is an empty slot.
 */
export class NameIndex {
  #size = 0;
  #slots = new Uint32Array(smallestCapacity);
  readonly #pool: EntryPool;
  readonly #mix: Mix;

  constructor(pool: EntryPool, mix: Mix) {
    this.#pool = pool;
    this.#mix = mix;
  }

  /** The number of the entry with that key, whose mix is `mixed`; undefined if there is none. */
  find(key: Key, mixed: number): number | undefined {
    const slots = this.#slots;
    let slot = this.#home(mixed);
    for (let held = slots[slot] ?? 0; held !== 0; held = slots[slot] ?? 0) {
      if (this.#pool.matches(held - 1, key)) return held - 1;
      slot = this.#after(slot);
    }
    return undefined;
  }

  /** Takes in an entry whose key it does not have. */
  insert(entry: number, mixed: number): void {
    let slot = this.#home(mixed);
    while (this.#slots[slot] !== 0) slot = this.#after(slot);
    this.#slots[slot] = entry + 1;
    this.#size += 1;
  }

  /** Whether there must be made room before one more is taken in. */
  get isFull(): boolean {
    return this.#size + 1 > fullestLoad * this.#slots.length;
  }

  /** Makes room; what has expired by `now` is dropped first, and freed. Returns how many entries that were. */
  makeRoom(now: number): number {
    const capacity = this.#slots.length;
    const dropped = this.#slots.reduce((count, held) => count + this.#freeIfExpired(held, now), 0);
    const live = this.#size - dropped;
    const before = this.#slots;
    this.#slots = new Uint32Array(live > capacity / 2 ? nextCapacity(capacity) : capacity);
    this.#size = 0;
    for (const held of before) {
      if (held !== 0 && this.#pool.expiryOf(held - 1) !== 0) {
        this.insert(held - 1, this.#mixOf(held - 1));
      }
    }
    return dropped;
  }

  /** Takes an entry out and closes the gap, so that no tombstones are needed. */
  remove(entry: number, mixed: number): void {
    const slots = this.#slots;
    let gap = this.#home(mixed);
    while (slots[gap] !== entry + 1) gap = this.#after(gap);
    for (let next = this.#after(gap); slots[next] !== 0; next = this.#after(next)) {
      const held = slots[next] ?? 0;
      const home = this.#home(this.#mixOf(held - 1));
      // An entry may move back to the gap only if its home is not between the gap and itself.
      if (this.#distance(home, next) < this.#distance(gap, next)) continue;
      slots[gap] = held;
      gap = next;
    }
    slots[gap] = 0;
    this.#size -= 1;
  }

  #freeIfExpired(held: number, now: number): number {
    if (held === 0 || this.#pool.expiryOf(held - 1) > now) return 0;
    this.#pool.free(held - 1);
    return 1;
  }

  #mixOf(entry: number): number {
    return this.#mix(this.#pool.wordOf(entry, 0), this.#pool.wordOf(entry, 1));
  }

  /** Where a key would like to be. Scaled, not masked: the capacity need not be a power of two. */
  #home(mixed: number): number {
    return Math.floor((mixed * this.#slots.length) / beyond32Bits);
  }

  #after(slot: number): number {
    return slot + 1 === this.#slots.length ? 0 : slot + 1;
  }

  /** How many steps lead from one slot to the other. */
  #distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.#slots.length;
  }
}

function nextCapacity(capacity: number): number {
  const isPowerOfTwo = (capacity & (capacity - 1)) === 0;
  return isPowerOfTwo ? (capacity / 2) * 3 : (capacity / 3) * 4;
}
