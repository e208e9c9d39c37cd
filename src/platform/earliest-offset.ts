const dayMs = 86_400_000;

/**
 * The smallest of the offsets that were noted in the last day or two, by two buckets of a day each.
 *
 * With offsets of the wall clock from the monotonic one, monotonic time plus this is the earliest time
 * that it may be now, whatever the wall clock has said in between.
 */
export class EarliestOffset {
  #previous: number;
  #current: number;
  #since: number;

  constructor(offset: number, nowMs: number) {
    this.#previous = offset;
    this.#current = offset;
    this.#since = nowMs;
  }

  /** Takes an offset into account, at that monotonic time. */
  note(offset: number, nowMs: number): void {
    if (nowMs - this.#since >= dayMs) {
      this.#previous = this.#current;
      this.#current = offset;
      this.#since = nowMs;
    } else if (offset < this.#current) {
      this.#current = offset;
    }
  }

  get value(): number {
    return Math.min(this.#previous, this.#current);
  }
}
