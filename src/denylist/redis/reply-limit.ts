/** More than any answer to revgate has: a thousand lines of the feed, or a thousand values. */
const maxReplyBytes = 16 * 1024 * 1024;

/** Where bytes come from: the socket of a connection. */
export interface ByteSource {
  on(event: "data", listener: (bytes: { readonly length: number }) => void): unknown;
}

/**
 * Ends a connection on which far more comes in than any answer has: somebody has put it into Redis, and this
 * process must not hold it.
 */
export class ReplyLimit {
  readonly #onExceeded: () => void;
  #asked = 0;
  #bytes = 0;

  constructor(onExceeded: () => void) {
    this.#onExceeded = onExceeded;
  }

  /** Counts what comes in on a new connection. */
  watch(source: ByteSource): void {
    this.#bytes = 0;
    source.on("data", ({ length }) => {
      this.#bytes += length;
      if (this.#bytes > maxReplyBytes * Math.max(1, this.#asked)) this.#onExceeded();
    });
  }

  /** Something is asked. */
  began(): void {
    this.#asked += 1;
  }

  /** It was answered, or is not waited for any more. */
  ended(): void {
    this.#asked -= 1;
    if (this.#asked === 0) this.#bytes = 0;
  }
}
