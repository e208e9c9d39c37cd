import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { FieldLines } from "../../http/field-lines.ts";
import type { ClientRequest } from "../client-request.ts";
import { Crumbs } from "../gathering-request.ts";
import { requestLines } from "./request-lines.ts";
import { endOnlyWhole } from "./whole-only.ts";

const none: FieldLines = [];

/** What one frame of a body may have beside its bytes: its head, and padding (RFC 9113 section 6.1). */
const frameBytes = 9 + 256;

/** A stream as it was received. */
export interface ReceivedStream {
  /** Its header list, pseudo-header fields included. */
  readonly fields: FieldLines;
  readonly hasBody: boolean;
  readonly socket: Socket;
  /** Told of each part of its body how many bytes it took at most, its frame included. */
  readonly count: (bytes: number) => void;
}

/** A stream of HTTP/2, shown as the request of HTTP/1.1 that means the same. */
export class Http2Request implements ClientRequest {
  readonly httpVersion = "2";
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: FieldLines;
  rawTrailers: FieldLines = none;
  readonly socket: Socket;
  readonly hasBody: boolean;
  /** Whether all of it has been received. */
  complete: boolean;
  /** Bytes received of its body. */
  received = 0;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, { fields, hasBody, socket, count }: ReceivedStream) {
    const { method, target, headers } = requestLines(fields, hasBody);
    this.method = method;
    this.url = target;
    this.rawHeaders = headers;
    this.socket = socket;
    this.hasBody = hasBody;
    this.complete = !hasBody;
    this.#stream = stream;
    if (hasBody) this.#gather(count);
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  get readableEnded(): boolean {
    return !this.hasBody || this.#stream.readableEnded;
  }

  /** Whether somebody waits for the rest of its body. */
  get isAwaited(): boolean {
    return !this.complete && this.#stream.readableFlowing === true;
  }

  on(event: "data" | "end" | "close" | "error", listener: (given: never) => void): this {
    this.#stream.on(event, listener as () => void);
    return this;
  }

  off(event: "data" | "end" | "close", listener: (given: never) => void): this {
    this.#stream.off(event, listener as () => void);
    return this;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /**
   * Frames that wait are put together: each is a view of all that was read with it, and a client can send any number
   * of one byte (decision 0020).
   */
  #gather(count: (bytes: number) => void): void {
    const stream = this.#stream;
    const push = (piece: Buffer | null) => Readable.prototype.push.call(stream, piece);
    const crumbs = new Crumbs(Number.POSITIVE_INFINITY);
    endOnlyWhole(stream, (piece) => {
      if (piece === null) this.complete = true;
      else {
        this.received += piece.length;
        count(piece.length + frameBytes);
      }
      return crumbs.push(stream, piece, push);
    });
    // What came in one packet with the preface was there before this was.
    stream.once("end", () => {
      this.complete = true;
    });
    stream.on("trailers", (...[, , raw]: readonly [unknown, unknown, FieldLines?]) => {
      this.rawTrailers = raw ?? none;
    });
  }
}
