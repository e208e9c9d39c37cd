/**
 * The parts of a body that lie in one received chunk, moved together so that they are handed over as one.
 *
 * Cleared by `take`; nothing may be left of one chunk when the next is read.
 */
export class GatheredBody {
  #start = 0;
  #end = 0;

  /** Adds a part; the bytes of the chunk in front of it may be overwritten. */
  add(chunk: Buffer, from: number, to: number): void {
    if (this.#end === this.#start) {
      this.#start = from;
      this.#end = to;
    } else {
      chunk.copyWithin(this.#end, from, to);
      this.#end += to - from;
    }
  }

  /** All of it, in memory of its own; undefined if there is nothing. */
  take(chunk: Buffer): Buffer | undefined {
    if (this.#end === this.#start) return undefined;
    const body = copyOf(chunk, this.#start, this.#end);
    this.#end = this.#start;
    return body;
  }
}

/** A part of a chunk, in memory of its own. */
export function copyOf(chunk: Buffer, from: number, to: number): Buffer {
  return Buffer.from(chunk.subarray(from, to));
}
