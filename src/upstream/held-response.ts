import type { FieldLines } from "../http/field-lines.ts";
import type { ResponseRelay } from "./response-relay.ts";

/** A response whose head has come, and that is not passed on yet. */
export interface HeldResponse {
  readonly status: number;
  readonly headers: FieldLines;
  /**
   * Resolves to its whole body; to undefined if that is longer, breaks off, or takes too long. Call it
   * before anything is awaited, at most once.
   */
  readBody(maxBytes: number): Promise<Buffer | undefined>;
  /** What stood behind its body, when that is whole. */
  trailers(): FieldLines;
}

/** Keeps a response until something has happened. One of the two is called, once. */
export interface Hold {
  /**
   * The final response head has come. The response is released when the promise resolves, and withheld
   * when it rejects; undefined releases at once.
   */
  onResponse(response: HeldResponse): Promise<void> | undefined;
  /** It will not come. `sent`: the application may have had the request, or a part of it. */
  onLost(sent: boolean): Promise<void>;
}

/** What waits for the whole body. */
interface Reader {
  onData(bytes: number): void;
  settle(body: Buffer | undefined): void;
}

/** The body of a response while its head is held: what came of it, kept until it is sent on. */
export class HeldBody {
  readonly #timeoutMs: number;
  readonly #onUnread: () => void;
  readonly #chunks: Buffer[] = [];
  #trailers: FieldLines | undefined;
  #reader: Reader | undefined;

  /** `onUnread`: a reader has given up, and the body is not read until it is released. */
  constructor(timeoutMs: number, onUnread: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#onUnread = onUnread;
  }

  /** Whether somebody waits for all of it. */
  get isAwaited(): boolean {
    return this.#reader !== undefined;
  }

  /** What stood behind it, when it is whole. */
  get trailers(): FieldLines {
    return this.#trailers ?? [];
  }

  /** A part has come. */
  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#reader?.onData(chunk.length);
  }

  /** It is whole. */
  end(trailers: FieldLines): void {
    this.#trailers = trailers;
    this.#reader?.settle(Buffer.concat(this.#chunks));
  }

  /** Sends on what has come; returns the trailers if it is whole. */
  passOn(relay: Pick<ResponseRelay, "flushHead" | "write">): FieldLines | undefined {
    if (this.#chunks.length === 0 && this.#trailers === undefined) relay.flushHead();
    for (const chunk of this.#chunks) relay.write(chunk);
    return this.#trailers;
  }

  /** The rest will not come. */
  lose(): void {
    this.#reader?.settle(undefined);
  }

  /** Resolves to all of it; to undefined if it is longer than `maxBytes`, is lost, or takes too long. */
  read(maxBytes: number): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      let leftBytes = maxBytes;
      const settle = (body: Buffer | undefined) => {
        clearTimeout(deadline);
        this.#reader = undefined;
        resolve(body);
      };
      const giveUp = () => {
        this.#onUnread();
        settle(undefined);
      };
      const deadline = setTimeout(giveUp, this.#timeoutMs);
      const onData = (bytes: number) => {
        leftBytes -= bytes;
        if (leftBytes < 0) giveUp();
      };
      this.#reader = { onData, settle };
    });
  }
}
