import { elapsedMs, type Moment, type Stopwatch } from "../../platform/clock.ts";

/**
 * What a sidecar can prove about its own table.
 *
 * `complete`: every revocation that was released before the last proof is in the table. A proof is a
 * reading of the feed that came to its end; it is as old as the moment in which the reading was *sent*.
 * Fresh is a complete table with a proof younger than the staleness of the store.
 */
export class Freshness {
  readonly #now: Stopwatch;
  readonly #trustMs: number;
  #complete = false;
  /** Nothing of the feed was missed, but another server may have released something that is not in it yet. */
  #resumable = false;
  #provenAt: Moment | undefined;
  #agreedAt: Moment | undefined;
  #stalenessMs = 0;
  /** Those that wait for the next proof. */
  readonly #waiting = new Set<() => void>();

  /** `trustMs`: for how long a look at where the address of Redis leads is good. */
  constructor(now: Stopwatch, trustMs: number) {
    this.#now = now;
    this.#trustMs = trustMs;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** How old a proof may be, in milliseconds: what the store's epoch says; 0 before it is known. */
  get stalenessMs(): number {
    return this.#stalenessMs;
  }

  /** Whether it needs no load: it is complete, or will be when the store is filled again and the feed was read. */
  get needsNoLoad(): boolean {
    return this.#complete || this.#resumable;
  }

  /** Whether the table alone may say that a token was not revoked: now, and not a moment later. */
  isFresh(): boolean {
    return this.#complete && this.ageMs() < this.#stalenessMs && this.isAgreed();
  }

  /** Whether the address of Redis was seen to lead to the server that is followed, not too long ago. */
  isAgreed(): boolean {
    return this.#agreedAt !== undefined && elapsedMs(this.#agreedAt, this.#now()) < this.#trustMs;
  }

  /** In that moment the address was asked, and led to the server that is followed; undefined: elsewhere. */
  agree(asked: Moment | undefined): void {
    this.#agreedAt = asked;
  }

  /** How old the last proof is, in milliseconds; Infinity before the first. */
  ageMs(): number {
    return this.#provenAt === undefined
      ? Number.POSITIVE_INFINITY
      : elapsedMs(this.#provenAt, this.#now());
  }

  /** The feed was read to its end by a reading that was sent at that moment. */
  prove(sent: Moment): void {
    this.#provenAt = sent;
    for (const goOn of this.#waiting) goOn();
  }

  /**
   * Whether it is fresh within so many milliseconds: a proof may be late for a moment, on a busy machine or while
   * Redis is filled again. False at once if the table is not complete: that takes longer. `isWorthwhile` says otherwise.
   */
  async freshWithin(ms: number, isWorthwhile = () => this.#complete): Promise<boolean> {
    const signal = AbortSignal.timeout(ms);
    while (isWorthwhile() && !signal.aborted && !this.isFresh()) await this.#nextProof(signal);
    return this.isFresh();
  }

  #nextProof(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const goOn = () => {
        this.#waiting.delete(goOn);
        signal.removeEventListener("abort", goOn);
        resolve();
      };
      this.#waiting.add(goOn);
      signal.addEventListener("abort", goOn);
    });
  }

  /** The whole store has been loaded, while the feed was followed from before that on. */
  loaded(): void {
    this.#complete = true;
    this.#resumable = false;
  }

  /** Something was missed: only a new load makes the table complete again. */
  missed(): void {
    this.#complete = false;
    this.#resumable = false;
  }

  /** What is in the store need not have been in the feed: if the table is not complete, it must be loaded. */
  cannotResume(): void {
    this.#resumable = false;
  }

  /** The feed was read to its end by a reading that found the store filled again. */
  filled(): void {
    if (this.#resumable) this.loaded();
  }

  /**
   * The store has begun a new epoch, with that staleness. `allRead`: of what came since the line read last, nothing
   * is in the store that is not in the feed from here on.
   *
   * A sidecar that was fresh until just before has everything that was ever released: a revocation is released
   * only when the store was found unchanged a staleness after it had it. But if another server may have
   * taken over (`handedOver`), the old one may still be there, and another sidecar may still have released a
   * revocation by its word. Then, and if the table was not fresh, it is complete when the store is filled again
   * and the feed, of which nothing was missed, was read to its end; else only a load makes it so.
   */
  enter(
    stalenessMs: number,
    { handedOver, allRead }: { readonly handedOver: boolean; readonly allRead: boolean },
  ): void {
    const wasComplete = this.#complete || this.#resumable;
    this.#complete = this.isFresh() && !handedOver;
    this.#resumable = wasComplete && allRead;
    this.#stalenessMs = stalenessMs;
  }
}
