/**
 * The time that one side may take, wait after wait. One timer runs from the first wait to the last and looks
 * at the time when it fires: none is set per request.
 */
export class WaitClock {
  readonly #onExpired: () => void;
  /** When the present wait is over, in milliseconds of `performance.now()`. */
  #dueMs: number | undefined;
  #firesMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `onExpired` is told of a wait that was not over in time. */
  constructor(onExpired: () => void) {
    this.#onExpired = onExpired;
  }

  /** A wait begins, in place of the one before. */
  begin(limitMs: number): void {
    const dueMs = performance.now() + limitMs;
    this.#dueMs = dueMs;
    if (this.#timer === undefined) this.#start(limitMs, dueMs);
    else if (dueMs < this.#firesMs) {
      clearTimeout(this.#timer);
      this.#start(limitMs, dueMs);
    }
  }

  /** Nothing is waited for. */
  end(): void {
    this.#dueMs = undefined;
  }

  /** Nothing will be waited for any more. */
  stop(): void {
    this.end();
    clearTimeout(this.#timer);
  }

  #start(waitMs: number, firesMs: number): void {
    this.#firesMs = firesMs;
    this.#timer = setTimeout(() => this.#fire(), Math.ceil(waitMs));
  }

  #fire(): void {
    this.#timer = undefined;
    if (this.#dueMs === undefined) return;
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) this.#start(leftMs, this.#dueMs);
    else {
      this.end();
      this.#onExpired();
    }
  }
}
