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
  #complete = false;
  #provenAt: Moment | undefined;
  #stalenessMs = 0;

  constructor(now: Stopwatch) {
    this.#now = now;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** Whether the table alone may say that a token was not revoked: now, and not a moment later. */
  isFresh(): boolean {
    return this.#complete && this.ageMs() < this.#stalenessMs;
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
  }

  /** The whole store has been loaded, while the feed was followed from before that on. */
  loaded(): void {
    this.#complete = true;
  }

  /** Something was missed: only a new load makes the table complete again. */
  missed(): void {
    this.#complete = false;
  }

  /**
   * The store has begun a new epoch, with that staleness.
   *
   * Whoever was fresh until just before has everything that was ever released: a revocation is released
   * only when the store was found unchanged a staleness after it had it. But where another server may
   * have taken over (`handedOver`), the old one may still be there, and somebody may still have released
   * a revocation by its word. Then, and where the table was not fresh, only a load makes it complete.
   */
  enter(stalenessMs: number, { handedOver }: { readonly handedOver: boolean }): void {
    this.#complete = this.isFresh() && !handedOver;
    this.#stalenessMs = stalenessMs;
  }
}
