/** How long to wait before the same thing is tried again: each time twice as long, up to a limit. */
export interface BackOffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Spaces out what is tried again and again; a quiet time as long as the longest wait makes it forget. */
export class BackOff {
  readonly #options: BackOffOptions;
  #waitMs = 0;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(options: BackOffOptions) {
    this.#options = options;
  }

  /** Whether it may be tried now; if so, the next wait is twice as long. */
  mayTry(nowMs: number): boolean {
    if (nowMs - this.#triedMs < this.#waitMs) return false;
    this.nextMs(nowMs);
    return true;
  }

  /** It is tried; returns for how long to wait before the next time, in milliseconds. */
  nextMs(nowMs: number): number {
    const { firstMs, maxMs } = this.#options;
    const quiet = nowMs - this.#triedMs > this.#waitMs + maxMs;
    this.#waitMs = quiet ? firstMs : Math.min(2 * this.#waitMs, maxMs);
    this.#triedMs = nowMs;
    return this.#waitMs;
  }
}
