import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { type FieldLines, findField } from "../../http/field-lines.ts";
import { http2Fields } from "../../http/http2-fields.ts";
import type { Answer, AnswerHead } from "../answer.ts";
import type { PreparedAnswer, WholeAnswer } from "../whole-answers.ts";
import type { Http2Request } from "./http2-request.ts";

/** Statuses whose answers have no body (RFC 9110 section 6.4.1). */
const withoutBody = new Set([204, 205, 304]);

/** One frame's worth: a client that takes nothing of so little has opened no window for it. */
const shortBytes = 16_384;

/** The answer to one request of HTTP/2. */
export class Http2Answer implements Answer {
  stalled = false;
  readonly #stream: ServerHttp2Stream;
  readonly #request: Http2Request;
  #status = 200;
  #onStall: (() => void) | undefined;
  /** Whether the stream waits for trailers behind the body. */
  #hasTrailers = false;
  #brokenOff = false;
  #isWhole = false;
  #isKept = false;
  #mayPause = false;
  #written = 0;

  constructor(stream: ServerHttp2Stream, request: Http2Request) {
    this.#stream = stream;
    this.#request = request;
  }

  get status(): number {
    return this.#status;
  }

  /** Node sends no larger one: it would be invalid (RFC 9110 section 15). */
  get maxStatus(): number {
    return 599;
  }

  get begun(): boolean {
    return this.#stream.headersSent;
  }

  get finished(): boolean {
    return this.#stream.writableFinished && !this.#brokenOff && !this.#stream.aborted;
  }

  get gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  get needsDrain(): boolean {
    return this.#stream.writableNeedDrain;
  }

  get unsent(): string | undefined {
    return this.unsentBytes === 0 ? undefined : String(this.unsentBytes);
  }

  /** What the client has yet to take, in bytes. */
  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  /** Whether all of it is there, and waits for its client alone. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether it is whole and short, and its client has taken none of its body. */
  get isShort(): boolean {
    return this.#isWhole && this.#written <= shortBytes && this.unsentBytes === this.#written;
  }

  /** Whether others give way before it: its client has done its part, and waits for an answer. */
  get isKept(): boolean {
    return this.#isKept && !this.#isWhole && this.#request.complete;
  }

  /** Whether this side has ended it before its time. */
  get brokenOff(): boolean {
    return this.#brokenOff;
  }

  /** Whether the client may pause in the middle of its request. */
  get mayPause(): boolean {
    return this.#mayPause;
  }

  allowPauses(): void {
    this.#mayPause = true;
  }

  keepPlace(): void {
    this.#isKept = true;
  }

  /** Nothing: no stream depends on how another ends. */
  endConnection(): void {}

  onClose(listener: () => void): void {
    this.#stream.once("close", listener);
  }

  onStall(listener: () => void): void {
    this.#onStall = listener;
  }

  onDrain(listener: () => void): void {
    this.#stream.once("drain", listener);
  }

  /** The client has stopped in the middle of its request. */
  stall(): void {
    if (!this.begun && this.#onStall !== undefined) this.#onStall();
    else this.giveUp();
  }

  /** Ends it for a client that stands still. */
  giveUp(): void {
    this.stalled = true;
    this.abandon();
  }

  sendContinue(): void {
    this.sendInterim({ status: 100, reason: "", headers: [] });
  }

  sendInterim({ status, headers }: AnswerHead): void {
    if (this.gone || this.begun) return;
    this.#attempt(() => this.#stream.additionalHeaders(fieldsOf(status, headers)));
  }

  sendHead({ status, headers }: AnswerHead): void {
    const hasBody = this.#request.method !== "HEAD" && !withoutBody.has(status);
    this.#hasTrailers = hasBody && findField(headers, "content-length") === -1;
    this.#respond(fieldsOf(status, headers), status, !hasBody);
  }

  write(chunk: Buffer): void {
    if (chunk.length === 0 || !this.#stream.writable) return;
    this.#written += chunk.length;
    this.#stream.write(chunk);
  }

  end(trailers: FieldLines): void {
    const stream = this.#stream;
    this.#isWhole = true;
    if (this.#hasTrailers) {
      stream.once("wantTrailers", () => {
        this.#attempt(() => stream.sendTrailers(http2Fields(trailers)));
        setImmediate(() => this.#endRequest());
      });
    }
    if (stream.writable) stream.end();
  }

  sendWhole({ status, headers, body }: WholeAnswer): void {
    const hasBody = body !== "" && this.#request.method !== "HEAD" && !withoutBody.has(status);
    this.#respond(fieldsOf(status, headers), status, !hasBody);
    this.#isWhole = true;
    if (!hasBody || !this.#stream.writable) return;
    this.#written = body.length;
    this.#stream.end(Buffer.from(body, "latin1"));
  }

  sendPrepared(prepared: PreparedAnswer, more: FieldLines): void {
    this.sendWhole(prepared.with(more));
  }

  breakOff(): void {
    this.abandon();
  }

  /** Node's `close` would send the end of the stream before the reset, and a short answer would look whole. */
  abandon(): void {
    if (this.gone) return;
    this.#brokenOff = true;
    this.#stream.destroy(new Error("the answer was broken off"));
  }

  #respond(fields: OutgoingHttpHeaders, status: number, endStream: boolean): void {
    if (this.gone) return;
    this.#status = status;
    // The stream finishes before its trailers are sent.
    const hasTrailers = !endStream && this.#hasTrailers;
    if (this.#request.hasBody && !hasTrailers) {
      // Node has ended the answer to a HEAD before there is one.
      if (endStream) setImmediate(() => this.#endRequest());
      else this.#stream.once("finish", () => this.#endRequest());
    }
    this.#attempt(() => this.#stream.respond(fields, { endStream, waitForTrailers: hasTrailers }));
  }

  /** What Node does not send after all must not stay open, nor look like another answer. */
  #attempt(send: () => void): void {
    try {
      send();
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** What is left of a body that is answered already is not to be sent (RFC 9113 section 8.1). */
  #endRequest(): void {
    if (!this.#request.complete && !this.gone) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }
}

function fieldsOf(status: number, lines: FieldLines): OutgoingHttpHeaders {
  return http2Fields(lines, { ":status": status });
}
