/** 128 bits of a name's hash, as the four words that an entry holds. */
export type Key = Uint32Array;

/** How many words a key has. */
export const wordsPerKey = 4;

/** A power of two. All blocks are of one size and none is ever given back: freed memory leaves no gaps. */
const entriesPerBlock = 1024;
const expiryAt = wordsPerKey;
const cutoffAt = wordsPerKey + 1;

/**
 * The entries of a table: key, expiry and, where asked for, cut-off, side by side in blocks.
 *
 * 21 bytes an entry (25 with cut-offs) and nothing for the garbage collector to walk. An entry is known by
 * its number, and keeps it. Times are whole seconds; an entry that is not in use has an expiry of 0, and
 * the number of the next such entry, plus one, for a key.
 */
export class EntryPool {
  readonly #blocks: Uint32Array[] = [];
  /** One byte an entry: 1 if Redis has acknowledged all that the entry says. */
  readonly #shared: Uint8Array[] = [];
  readonly #words: number;
  /** What cut-offs spare, or to which session a token belongs: few entries have such a text. */
  readonly #texts = new Map<number, string>();
  /** Entries ever used: numbers are below it. */
  #end = 0;
  /** The first entry that can be used again, plus one; 0 if there is none. */
  #free = 0;
  #latestFreed = 0;

  constructor(withCutoffs: boolean) {
    this.#words = withCutoffs ? cutoffAt + 1 : cutoffAt;
  }

  /** All entries, in use or not, have numbers below this. */
  get end(): number {
    return this.#end;
  }

  /** Takes an entry into use; returns its number. */
  add(key: Key, expiry: number, cutoff: number): number {
    const entry = this.#take();
    const block = this.#blockOf(entry);
    const at = this.#startOf(entry);
    for (let word = 0; word < wordsPerKey; word += 1) block[at + word] = key[word] ?? 0;
    block[at + expiryAt] = expiry;
    if (this.#words > cutoffAt) block[at + cutoffAt] = cutoff;
    this.markShared(entry, false);
    return entry;
  }

  /** The latest expiry of those that were ever freed; 0 if none was. */
  get latestFreed(): number {
    return this.#latestFreed;
  }

  /** Begins anew to note the latest expiry of those that are freed. */
  resetLatestFreed(): void {
    this.#latestFreed = 0;
  }

  /** Lets an entry be used again. */
  free(entry: number): void {
    const block = this.#blockOf(entry);
    const at = this.#startOf(entry);
    this.#latestFreed = Math.max(this.#latestFreed, block[at + expiryAt] ?? 0);
    block[at + expiryAt] = 0;
    this.#texts.delete(entry);
    block[at] = this.#free;
    this.#free = entry + 1;
  }

  /** Whether that is the entry's key. */
  matches(entry: number, key: Key): boolean {
    const block = this.#blockOf(entry);
    const at = this.#startOf(entry);
    return (
      block[at] === key[0] &&
      block[at + 1] === key[1] &&
      block[at + 2] === key[2] &&
      block[at + 3] === key[3]
    );
  }

  /** One of the four words of an entry's key. */
  wordOf(entry: number, word: number): number {
    return this.#blockOf(entry)[this.#startOf(entry) + word] ?? 0;
  }

  /** When it expires; 0 where the entry is not in use. */
  expiryOf(entry: number): number {
    return this.#blockOf(entry)[this.#startOf(entry) + expiryAt] ?? 0;
  }

  /** Its cut-off; undefined in a table without. */
  cutoffOf(entry: number): number | undefined {
    if (this.#words <= cutoffAt) return undefined;
    return this.#blockOf(entry)[this.#startOf(entry) + cutoffAt];
  }

  /** What belongs to its name besides times; undefined: nothing. */
  textOf(entry: number): string | undefined {
    return this.#texts.get(entry);
  }

  /** Changes what belongs to the name of an entry. */
  setText(entry: number, text: string | undefined): void {
    if (text === undefined) this.#texts.delete(entry);
    // A copy: a part of a line that was read would keep all of the line.
    else this.#texts.set(entry, Buffer.from(text, "latin1").toString("latin1"));
  }

  /** Changes the times of an entry. */
  update(entry: number, expiry: number, cutoff: number): void {
    const block = this.#blockOf(entry);
    const at = this.#startOf(entry);
    block[at + expiryAt] = expiry;
    if (this.#words > cutoffAt) block[at + cutoffAt] = cutoff;
  }

  /** Whether Redis has acknowledged all that the entry says. */
  isShared(entry: number): boolean {
    return this.#sharedBlockOf(entry)[entry & (entriesPerBlock - 1)] === 1;
  }

  /** Notes whether Redis has acknowledged all that the entry says. */
  markShared(entry: number, shared: boolean): void {
    this.#sharedBlockOf(entry)[entry & (entriesPerBlock - 1)] = shared ? 1 : 0;
  }

  #take(): number {
    if (this.#free !== 0) {
      const entry = this.#free - 1;
      this.#free = this.wordOf(entry, 0);
      return entry;
    }
    if (this.#end === this.#blocks.length * entriesPerBlock) {
      this.#blocks.push(new Uint32Array(entriesPerBlock * this.#words));
      this.#shared.push(new Uint8Array(entriesPerBlock));
    }
    this.#end += 1;
    return this.#end - 1;
  }

  #blockOf(entry: number): Uint32Array {
    return this.#blocks[Math.floor(entry / entriesPerBlock)] as Uint32Array;
  }

  #sharedBlockOf(entry: number): Uint8Array {
    return this.#shared[Math.floor(entry / entriesPerBlock)] as Uint8Array;
  }

  #startOf(entry: number): number {
    return (entry & (entriesPerBlock - 1)) * this.#words;
  }
}
