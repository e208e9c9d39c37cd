/** Bytes a second that may be neither heads of requests nor their bodies, beside a half of what is sent. */
const freeBytes = 65_536;
/** What a request's head may take in frames, beside its text. */
const headFrameBytes = 64;

/** What is known of a connection. */
interface Traffic {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** What a connection receives that is of no use: pings, settings, priorities, windows, frames without content. */
export class FrameBudget {
  readonly #socket: Traffic;
  useful = 0;
  #read: number;
  #written: number;

  constructor(socket: Traffic) {
    this.#socket = socket;
    this.#read = socket.bytesRead;
    this.#written = socket.bytesWritten;
  }

  /** Takes note of a request's head: names and values in turn. */
  countHead(fields: readonly string[]): void {
    this.useful += headFrameBytes + 16 * fields.length;
    for (const text of fields) this.useful += text.length;
  }

  /** Whether more came since the last look, so many seconds ago, than there is need for. */
  isSpent(seconds: number): boolean {
    const { bytesRead, bytesWritten } = this.#socket;
    const idle = bytesRead - this.#read - this.useful;
    const free = Math.max(1, seconds) * freeBytes + (bytesWritten - this.#written) / 2;
    this.#read = bytesRead;
    this.#written = bytesWritten;
    this.useful = 0;
    return idle > free;
  }
}
