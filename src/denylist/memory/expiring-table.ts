import { randomBytes } from "node:crypto";
import type { Clock, EpochSeconds } from "../../platform/clock.ts";
import { type Cut, endsAll, joinCuts } from "../cut.ts";
import { EntryPool, wordsPerKey } from "./entry-pool.ts";
import { type Mix, NameIndex } from "./name-index.ts";

/** A power of two. Indexes grow one by one, so that the growth of a large table is no pause. */
const indexCount = 256;

/** Of names without a cut-off. */
const noCut: Cut = { cutoff: 0 };

/** The value of each base64url character, by its code. */
const sixBits = new Uint8Array(128);
for (const [value, character] of [
  ..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
].entries()) {
  sixBits[character.charCodeAt(0)] = value;
}

/**
 * Live revocations of one kind, in memory: 128 bits of the name's hash and its expiry, and where they are:
 * 26 to 29 bytes an entry (four more with cut-offs).
 *
 * Where a name lands depends on a secret of this process, so that no client can choose names that
 * collide.
 */
export class ExpiringTable {
  readonly #pool: EntryPool;
  readonly #indexes: readonly NameIndex[];
  readonly #mix: Mix;
  readonly #sought = new Uint32Array(wordsPerKey);
  readonly #clock: Clock;
  #size = 0;
  /** The entry where the sweep goes on. */
  #swept = 0;

  constructor(clock: Clock, { withCutoffs = false } = {}) {
    this.#clock = clock;
    this.#mix = secretMix();
    this.#pool = new EntryPool(withCutoffs);
    this.#indexes = Array.from({ length: indexCount }, () => new NameIndex(this.#pool, this.#mix));
  }

  /** Entries held, those included that expired since the last sweep. */
  get size(): number {
    return this.#size;
  }

  /** The latest expiry of all names that were dropped because they had expired. */
  get forgottenUntil(): EpochSeconds {
    return this.#pool.latestFreed;
  }

  /** Begins anew to note the latest expiry of those that are dropped. */
  resetForgotten(): void {
    this.#pool.resetLatestFreed();
  }

  /** Whether that name is in the table and has not expired. */
  has(value: string): boolean {
    return this.#findLive(value) !== undefined;
  }

  /** The cut-off of that name, in whole seconds; undefined if it is not in the table or has expired. */
  cutoffOf(value: string): EpochSeconds | undefined {
    const entry = this.#findLive(value);
    return entry === undefined ? undefined : this.#pool.cutoffOf(entry);
  }

  /** What the cut-off of that name spares, or what it was linked to; undefined: nothing. */
  textOf(value: string): string | undefined {
    const entry = this.#findLive(value);
    return entry === undefined ? undefined : this.#pool.textOf(entry);
  }

  /**
   * Adds a name, or extends it: of two expiries the later holds, and of two cut-offs whatever one of them ends.
   *
   * Returns whether that says more than the table knew. `shared`: it comes from Redis, which has acknowledged it.
   */
  add(value: string, expiresAt: EpochSeconds, cut: Cut = noCut, shared = false): boolean {
    const mixed = this.#seek(value);
    const index = this.#indexOf(mixed);
    // Only then is it asked what time it is: a clock that is compared with others costs more than all the rest.
    if (index.isFull) this.#size -= index.makeRoom(this.#clock.nowSeconds());
    const [expiry, cutoff] = [wholeSeconds(expiresAt), wholeSeconds(cut.cutoff)];
    const entry = index.find(this.#sought, mixed);
    if (entry === undefined) {
      const added = this.#pool.add(this.#sought, expiry, cutoff);
      if (cut.sparing !== undefined) this.#pool.setText(added, cut.sparing);
      if (shared) this.#pool.markShared(added, true);
      index.insert(added, mixed);
      this.#size += 1;
      return true;
    }
    const held = this.#pool.expiryOf(entry);
    const isNews = this.#extend(entry, { cutoff, sparing: cut.sparing }) || expiry > held;
    if (expiry > held) this.#pool.update(entry, expiry, this.#pool.cutoffOf(entry) ?? 0);
    if (isNews) this.#pool.markShared(entry, false);
    // What was known may be more, in part.
    if (isNews && shared) this.markShared(value, expiresAt, cut);
    return isNews;
  }

  /** Adds a name with what it is linked to, which never changes; returns whether that says more than was known. */
  link(value: string, expiresAt: EpochSeconds, to: string, shared = false): boolean {
    return this.add(value, expiresAt, { cutoff: 0, sparing: to }, shared);
  }

  /** Has the cut-off of an entry end whatever another one does, too; returns whether that is more. */
  #extend(entry: number, cut: Cut): boolean {
    const held = this.#cutOf(entry);
    if (held === undefined) return false;
    if (held.sparing === undefined && cut.sparing === undefined && cut.cutoff <= held.cutoff) {
      return false;
    }
    const { cutoff, sparing } = joinCuts(held, cut);
    if (cutoff === held.cutoff && sparing === held.sparing) return false;
    this.#pool.update(entry, this.#pool.expiryOf(entry), cutoff);
    this.#pool.setText(entry, sparing);
    return true;
  }

  #cutOf(entry: number): Cut | undefined {
    const cutoff = this.#pool.cutoffOf(entry);
    return cutoff === undefined ? undefined : { cutoff, sparing: this.#pool.textOf(entry) };
  }

  /**
   * Notes that Redis has acknowledged a name with at least that expiry and that cut-off.
   *
   * It changes nothing if the table knows more of that name than Redis has acknowledged.
   */
  markShared(value: string, expiresAt: EpochSeconds, cut: Cut = noCut): void {
    const entry = this.#find(value);
    if (entry === undefined) return;
    const held = this.#cutOf(entry);
    const says = this.#pool.expiryOf(entry) <= wholeSeconds(expiresAt);
    const acknowledged = { ...cut, cutoff: wholeSeconds(cut.cutoff) };
    if (says && (held === undefined || endsAll(acknowledged, held))) {
      this.#pool.markShared(entry, true);
    }
  }

  /** Whether Redis has acknowledged all that the table knows of that name. */
  isShared(value: string): boolean {
    const entry = this.#find(value);
    return entry !== undefined && this.#pool.isShared(entry);
  }

  /**
   * Drops what has expired among the next `entries`, and goes on there the next time.
   *
   * A sweep in small steps costs no request a pause, whatever the table's size.
   */
  sweep(entries: number): void {
    const now = this.#clock.nowSeconds();
    for (let step = Math.min(entries, this.#pool.end); step > 0; step -= 1) {
      if (this.#swept >= this.#pool.end) this.#swept = 0;
      const expiry = this.#pool.expiryOf(this.#swept);
      if (expiry !== 0 && expiry <= now) this.#remove(this.#swept);
      this.#swept += 1;
    }
  }

  #remove(entry: number): void {
    const mixed = this.#mix(this.#pool.wordOf(entry, 0), this.#pool.wordOf(entry, 1));
    this.#indexOf(mixed).remove(entry, mixed);
    this.#pool.free(entry);
    this.#size -= 1;
  }

  #find(value: string): number | undefined {
    const mixed = this.#seek(value);
    return this.#indexOf(mixed).find(this.#sought, mixed);
  }

  #findLive(value: string): number | undefined {
    const entry = this.#find(value);
    if (entry === undefined || this.#pool.expiryOf(entry) <= this.#clock.nowSeconds()) {
      return undefined;
    }
    return entry;
  }

  #indexOf(mixed: number): NameIndex {
    return this.#indexes[mixed & (indexCount - 1)] as NameIndex;
  }

  /**
   * Loads the first 128 bits of the name into `#sought`, and returns their mix. A word has five of the first
   * twenty base64url characters, and two bits of the eight that are left.
   */
  #seek(value: string): number {
    const sought = this.#sought;
    const left = (bitsAt(value, 20) << 2) | (bitsAt(value, 21) >>> 4);
    for (let word = 0, at = 0; word < wordsPerKey; word += 1, at += 5) {
      const high = (bitsAt(value, at) << 26) | (bitsAt(value, at + 1) << 20);
      const low = (bitsAt(value, at + 2) << 14) | (bitsAt(value, at + 3) << 8);
      const last = bitsAt(value, at + 4) << 2;
      sought[word] = high | low | last | ((left >>> (2 * word)) & 3);
    }
    return this.#mix(sought[0] ?? 0, sought[1] ?? 0);
  }
}

/** The six bits of a base64url character; those of "A" behind the end. */
function bitsAt(value: string, at: number): number {
  return sixBits[value.charCodeAt(at) & 127] ?? 0;
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
