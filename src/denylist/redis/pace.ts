/** For how long after a request readings follow each other as if another one came. */
const activeForMs = 5000;
/** How often the feed is read if no request comes: often enough to notice what Redis loses. */
const idleEveryMs = 600;
/** So many readings before a proof is too old: on a busy machine, two of them may be late. */
const readsPerStaleness = 3;
/** A loss must not go unnoticed for longer, whatever the staleness. */
const maxApartMs = 600;

/** What a pause goes by. */
export interface PaceOptions {
  /** Whether something ends as soon as a revocation is heard of: then the feed is read as if requests came. */
  readonly isWatched: () => boolean;
}

/**
 * How often the feed is read: three times in each staleness while requests come that are judged by memory, less than
 * twice a second while none does. The first one that comes then is judged by Redis, and has the feed read at once.
 */
export class Pace {
  readonly #isWatched: () => boolean;
  #asked = true;
  #activeMs = Number.NEGATIVE_INFINITY;
  #wake: (() => void) | undefined;

  constructor({ isWatched }: PaceOptions) {
    this.#isWatched = isWatched;
  }

  /** A request was judged by memory. */
  note(): void {
    this.#asked = true;
  }

  /** One could not be, since the last proof is too old: a pause in which none was expected ends. */
  hurry(): void {
    this.#asked = true;
    this.#wake?.();
  }

  /** Whether no request has come for a while. */
  isIdle(nowMs: number): boolean {
    if (this.#asked || this.#isWatched()) this.#activeMs = nowMs;
    this.#asked = false;
    return nowMs - this.#activeMs > activeForMs;
  }

  /** The pause behind a reading, in milliseconds: those that take long never follow on each other's heels. */
  pauseMs(tookMs: number, { stalenessMs, idle }: { stalenessMs: number; idle: boolean }): number {
    const activeMs = Math.min(stalenessMs / readsPerStaleness, maxApartMs);
    const apartMs = idle ? Math.max(idleEveryMs, activeMs) : activeMs;
    return Math.max(apartMs - tookMs, apartMs / 4);
  }

  /** Resolves after that time, or when it is aborted; if nothing comes, also as soon as something does. */
  wait(
    ms: number,
    { idle, signal }: { readonly idle: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end);
      if (signal.aborted || (idle && this.#asked)) end();
      else if (idle) this.#wake = end;
    });
  }
}
