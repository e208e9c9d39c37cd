import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { unsentBytes } from "../node-http/unsent-bytes.ts";

/** What the answer to a PING takes. */
const pingBytes = 17;

/**
 * Finds out if nghttp2 has stopped for good on a connection, because of a frame that no client may send. Node says
 * nothing of it if a request is open, and reads no more: it would not see that the client has left, either.
 *
 * A PING leaves a connection that works at once, and stays in the queue of one that has stopped. One is sent when
 * bytes have come and no more come; not for those of the answer to it.
 */
export class StopProbe {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  /** Bytes read at the last look, and those up to which it is known that it has not stopped. */
  #read = -1;
  #provenRead = 0;
  #isOut = false;
  #stopped = false;

  constructor(session: ServerHttp2Session, socket: Socket) {
    this.#session = session;
    this.#socket = socket;
  }

  /** What the last look found. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Looks at it; to be called every second or so. */
  hasStopped(): boolean {
    const { bytesRead } = this.#socket;
    const isQuiet = bytesRead === this.#read;
    this.#read = bytesRead;
    if (this.#session.destroyed) return false;
    if (this.#isOut) {
      // What waits for a slow client waits in the system as well.
      if (unsentBytes(this.#socket) !== undefined) return false;
      this.#isOut = false;
      this.#stopped = (this.#session.state.outboundQueueSize ?? 0) > 0;
    } else if (isQuiet && bytesRead !== this.#provenRead) this.#send(bytesRead);
    return this.#stopped;
  }

  #send(bytesRead: number): void {
    this.#provenRead = bytesRead;
    this.#isOut = true;
    const onAnswer = (error: Error | null) => {
      if (error === null) this.#provenRead = bytesRead + pingBytes;
    };
    // One that answers none can't be asked any more.
    if (!this.#session.ping(onAnswer)) this.#stopped = true;
  }
}
