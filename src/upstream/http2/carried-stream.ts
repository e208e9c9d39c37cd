import { STATUS_CODES } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import type { FieldLines } from "../../http/field-lines.ts";
import { http2Fields } from "../../http/http2-fields.ts";
import { keepStream } from "../../node-http/http2/keep-session.ts";
import { endOnlyWhole } from "../../node-http/http2/whole-only.ts";
import type { Carrier, Exchange } from "../http1/exchange.ts";
import { malformed } from "../http1/malformed.ts";
import type { ResponseHead } from "../http1/response-events.ts";
import { WaitClock } from "../http1/wait-clock.ts";
import { UpstreamError } from "../upstream-error.ts";
import { requestFields, requestOptions } from "./request-fields.ts";

/** How long the application may take, and how much it may say. */
export interface StreamLimits {
  /** The longest response head, and the longest trailers, in bytes. */
  readonly headBytes: number;
  /** From the request being sent to the head of the response. */
  readonly responseTimeoutMs: number;
  /** Between two parts of the body. */
  readonly idleTimeoutMs: number;
}

/** Who is told of what concerns the whole connection. */
export interface StreamOwner extends StreamLimits {
  readonly scheme: string;
  /** An answer was late: the connection may be dead. */
  onLate(): void;
  /** The stream has been closed. */
  onClosed(): void;
}

const none: FieldLines = [];

/** One request on one stream of a connection to the application. */
export class CarriedStream implements Carrier {
  readonly #owner: StreamOwner;
  readonly #clock: WaitClock;
  readonly #responseTimeoutMs: number;
  #exchange: Exchange | undefined;
  #stream: ClientHttp2Stream | undefined;
  #sent: boolean;
  #head = false;
  #trailers: FieldLines = none;
  #requestTrailers: FieldLines = none;

  constructor(exchange: Exchange, owner: StreamOwner) {
    this.#exchange = exchange;
    this.#owner = owner;
    this.#responseTimeoutMs = Math.max(owner.responseTimeoutMs, exchange.responseTimeoutMs ?? 0);
    this.#sent = exchange.body === "none";
    this.#clock = new WaitClock(() => this.#onLate());
  }

  /** Sends the request; false: it is not wanted any more. */
  begin(session: ClientHttp2Session): boolean {
    const exchange = this.#exchange;
    if (exchange === undefined || !exchange.onConnection(this)) return false;
    try {
      const fields = requestFields(exchange, this.#owner.scheme);
      this.#stream = session.request(fields, requestOptions(this.#sent));
    } catch (error) {
      this.#fail(error as Error, true);
      return false;
    }
    keepStream(session, this.#stream);
    this.#listen(this.#stream);
    if (this.#sent) this.#clock.begin(this.#responseTimeoutMs);
    else exchange.sendBody(this);
    return true;
  }

  writeBody(chunk: Buffer): boolean {
    const keepsUp = this.#stream?.writable === true ? this.#stream.write(chunk) : true;
    if (!keepsUp && !this.#head) this.#clock.begin(this.#responseTimeoutMs);
    return keepsUp;
  }

  endBody(trailers: FieldLines = none): void {
    this.#requestTrailers = trailers;
    this.#sent = true;
    this.#stream?.end();
    if (!this.#head) this.#clock.begin(this.#responseTimeoutMs);
  }

  pause(): void {
    this.#stream?.pause();
    this.#clock.end();
  }

  resume(): void {
    this.#stream?.resume();
    this.#awaitPart();
  }

  abort(): void {
    this.#letGo();
    this.#reset();
  }

  #listen(stream: ClientHttp2Stream): void {
    endOnlyWhole(stream);
    stream.on("headers", (fields: Fields, ...[, raw]: Raw) => {
      if (this.#sent) this.#clock.begin(this.#responseTimeoutMs);
      this.#takeHead(fields, raw, true);
    });
    stream.on("response", (fields: Fields, ...[flags = 0, raw]: Raw) => {
      const isWhole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      this.#respond(fields, raw, isWhole);
    });
    stream.on("data", (chunk: Buffer) => {
      this.#exchange?.onData(chunk);
      this.#exchange?.onPartial();
      this.#awaitPart();
    });
    stream.on("trailers", (_fields: Fields, ...[, raw]: Raw) => {
      this.#attempt(() => {
        this.#trailers = this.#bounded(raw);
      });
    });
    stream.on("wantTrailers", () => stream.sendTrailers(http2Fields(this.#requestTrailers)));
    stream.on("drain", () => {
      if (!this.#sent && !this.#head) this.#clock.end();
      this.#exchange?.onDrain();
    });
    stream.on("end", () => this.#end(stream));
    stream.on("error", (error) => this.#fail(error));
    stream.on("close", () => {
      this.#clock.stop();
      // Most end before: an error costs as much as all else here.
      if (this.#exchange !== undefined) {
        this.#fail(new UpstreamError("closed", "the application broke off its answer"));
      }
      this.#owner.onClosed();
    });
  }

  #takeHead(fields: Fields, raw: FieldLines | undefined, more: boolean): boolean {
    return this.#attempt(() => this.#exchange?.onHead(headOf(fields, this.#bounded(raw)), more));
  }

  /** False: it can't be passed on, and the exchange has failed. */
  #attempt(pass: () => void): boolean {
    try {
      pass();
      return true;
    } catch (error) {
      this.#fail(error as Error);
      return false;
    }
  }

  /** An application that has not heard yet how much it may say can say more. */
  #bounded(lines: FieldLines = none): FieldLines {
    const bytes = lines.reduce((sum, text) => sum + text.length, 0);
    if (bytes > this.#owner.headBytes) throw malformed("a head or trailers that are too long");
    return lines;
  }

  #respond(fields: Fields, raw: FieldLines | undefined, isWhole: boolean): void {
    this.#head = true;
    this.#clock.end();
    if (!this.#takeHead(fields, raw, isWhole)) return;
    if (isWhole) {
      this.#letGo()?.onWhole("");
      return;
    }
    this.#exchange?.onPartial();
    this.#awaitPart();
  }

  #awaitPart(): void {
    const { streams } = this.#exchange ?? { streams: true };
    if (this.#head && !streams && this.#stream?.isPaused() === false) {
      this.#clock.begin(this.#owner.idleTimeoutMs);
    }
  }

  #end(stream: ClientHttp2Stream): void {
    const exchange = this.#letGo();
    // An answer to a request that is not wanted in full any more.
    if (!this.#sent) stream.close(constants.NGHTTP2_NO_ERROR);
    exchange?.onEnd(this.#trailers);
  }

  #onLate(): void {
    this.#fail(
      this.#head
        ? new UpstreamError("idle_timeout", "the application stopped in the middle of its answer")
        : new UpstreamError("response_timeout", "the application did not answer in time"),
    );
    this.#owner.onLate();
  }

  #fail(error: Error & { readonly code?: string }, unsent = false): void {
    // Node gives streams the code of a GOAWAY as well, which says nothing of what was done with them.
    const isOfStream = error.code !== "ERR_HTTP2_SESSION_ERROR";
    const isRefused = isOfStream && this.#stream?.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    const isUnprocessed = unsent || isRefused;
    this.#reset();
    this.#letGo()?.onError(error, false, isUnprocessed && !this.#head);
  }

  /** Node's `close` would send the end of the stream before the reset, and a part of a body would look whole. */
  #reset(): void {
    const stream = this.#stream;
    if (stream?.closed === false && !stream.destroyed) stream.destroy(new Error("given up"));
  }

  /** Tells no one of anything more; returns who was told until now. */
  #letGo(): Exchange | undefined {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#clock.end();
    return exchange;
  }
}

type Fields = Readonly<Record<string, unknown>>;
type Raw = readonly [flags?: number, raw?: FieldLines];

function headOf(fields: Fields, raw: FieldLines): ResponseHead {
  const status = Number(fields[":status"]);
  if (!(status >= 100 && status <= 999)) throw malformed(`the status ${fields[":status"]}`);
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.startsWith(":") === false) headers.push(raw[i] ?? "", raw[i + 1] ?? "");
  }
  return { version: "2.0", status, reason: STATUS_CODES[status] ?? "", headers };
}
