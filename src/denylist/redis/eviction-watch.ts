/** Who is asked. */
export interface EvictionWatchOptions {
  readonly replica: {
    /** What the servers do when their memory is full: `noeviction` everywhere, or the first other policy. */
    evictionPolicy(): Promise<string>;
  };
  readonly allowEviction: boolean;
}

/** Asks again and again whether Redis may throw revocations away. */
export class EvictionWatch {
  readonly #options: EvictionWatchOptions;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #mayEvict = true;

  constructor(options: EvictionWatchOptions) {
    this.#options = options;
  }

  /** Whether it may, or that is unknown yet: what is not there may have been. */
  get mayEvict(): boolean {
    return this.#mayEvict;
  }

  /** What is wrong with its policy, asked if it was not for so long; undefined if nothing is. */
  async check(everyMs: number): Promise<Error | undefined> {
    const nowMs = performance.now();
    if (nowMs - this.#checkedMs < everyMs) return undefined;
    const { allowEviction, replica } = this.#options;
    const policy = allowEviction ? "noeviction" : await replica.evictionPolicy();
    this.#mayEvict = policy !== "noeviction";
    if (!this.#mayEvict) {
      this.#checkedMs = nowMs;
      return undefined;
    }
    return new Error(
      `redis may evict revocations: its maxmemory-policy is ${policy}; set it to noeviction`,
    );
  }

  /** Has it asked anew with the next check. */
  checkAgain(): void {
    this.#checkedMs = Number.NEGATIVE_INFINITY;
  }
}
