import type { FieldLines } from "../../http/field-lines.ts";
import { UpstreamError } from "../upstream-error.ts";
import { chunkDataEnd, chunkLineEnd, chunkSize } from "./chunked-coding.ts";
import { readFraming } from "./framing.ts";
import { copyOf, GatheredBody } from "./gathered-body.ts";
import { malformed } from "./malformed.ts";
import type { ResponseEvents, ResponseHead } from "./response-events.ts";
import { type LineEnd, readFields, readHead, readTrailers } from "./sections.ts";

/** What comes next. */
type Expected =
  | "nothing"
  | "head"
  | "body by length"
  | "body until close"
  | "chunk size"
  | "chunk"
  | "chunk end"
  | "trailers";

/**
 * The longest body that is handed over as text: what one write takes without being put aside first. (Node
 * has so many bytes for it on its stack, less one.)
 */
const maxBytesAtOnce = 16_383;
const none: FieldLines = [];
const nothing = Buffer.alloc(0);
const zero = 48;

/**
 * Reads the responses of one HTTP/1.1 connection from bytes.
 *
 * Whatever has a second reading is an error: lines that end in two ways, folded lines, a length beside a
 * coding or beside another length, a coding other than `chunked`. What has one is read, if odd: bare line
 * feeds throughout, `chunked,`, white space before an extension, HTTP/1.2. Where a response ends is decided here alone, so
 * that no byte of one can be taken for the next.
 */
export class ResponseParser {
  readonly #headBytes: number;
  #events: ResponseEvents | undefined;
  #expected: Expected = "nothing";
  #bodiless = false;
  #lineEnd: LineEnd = "\r\n";
  readonly #body = new GatheredBody();
  /** What was received of a head or a line that is not whole yet. */
  #partial: Buffer = nothing;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  /** Whether the connection can carry another request once this response is whole. */
  persistent = false;
  /** Seconds for which the other side says that it keeps the connection (its `Keep-Alive: timeout`). */
  keepAliveSeconds: number | undefined;

  /** `headBytes`: the longest head, and the longest trailer section. */
  constructor(headBytes: number) {
    this.#headBytes = headBytes;
  }

  /** Expects the response to a request that has been sent with this method. */
  expect(method: string, events: ResponseEvents): void {
    this.#events = events;
    this.#bodiless = method === "HEAD";
    this.#expected = "head";
  }

  /** Whether a response is awaited or in progress. */
  get busy(): boolean {
    return this.#expected !== "nothing";
  }

  /**
   * Takes what was received. Throws an UpstreamError if that is not HTTP, or not asked for.
   *
   * The buffer is the caller's, who may read the next connection's bytes into it as soon as this returns: all
   * that is kept or handed on is a copy. The parser may write to it: the bytes of a body that came in small
   * chunks are moved together and handed over as one part.
   */
  read(received: Buffer): void {
    let chunk = received;
    if (this.#partial.length > 0) {
      chunk = Buffer.concat([this.#partial, received]);
      this.#partial = nothing;
    }
    let at = 0;
    while (at < chunk.length) {
      const next = this.#readPart(chunk, at);
      if (next === at) {
        this.#partial = copyOf(chunk, at, chunk.length);
        break;
      }
      at = next;
    }
    this.#handOverBody(chunk);
  }

  /** The other side has closed in good order: the end of a body that has no other. Throws if the end of one is missing. */
  close(): void {
    if (this.#expected !== "body until close") throw closed();
    this.persistent = false;
    this.#stop()?.onEnd(none);
  }

  /** Reads one part of a response; returns where the next one begins, `at` where this one is not whole yet. */
  #readPart(chunk: Buffer, at: number): number {
    switch (this.#expected) {
      case "head":
        return this.#readHead(chunk, at);
      case "body by length":
      case "chunk":
        return this.#readBody(chunk, at);
      case "body until close":
        this.#body.add(chunk, at, chunk.length);
        return chunk.length;
      case "chunk size":
        return this.#readChunkSize(chunk, at);
      case "chunk end":
        return this.#readChunkEnd(chunk, at);
      case "trailers":
        return this.#readTrailers(chunk, at);
      case "nothing":
        throw malformed("bytes after the end of the answer");
    }
  }

  #readHead(chunk: Buffer, at: number): number {
    const section = readHead(chunk, at, this.#headBytes);
    if (section === undefined) return at;
    const { text, next } = section;
    this.#lineEnd = section.lineEnd;
    const lineEnd = text.indexOf("\r\n");
    const headers = readFields(text, lineEnd === -1 ? text.length : lineEnd);
    const isHttp11 = text.charCodeAt(7) !== zero;
    const head: ResponseHead = {
      version: isHttp11 ? "1.1" : "1.0",
      status: Number(text.slice(9, 12)),
      reason: text.slice(13, lineEnd === -1 ? undefined : lineEnd),
      headers,
    };
    if (head.status < 200) {
      this.#events?.onHead(head, next < chunk.length);
      return next;
    }
    this.#readFraming(head, isHttp11);
    return this.#handOver(head, chunk, next);
  }

  /** Hands a final head over, and the body that begins at `next` where it is all there, and short. */
  #handOver(head: ResponseHead, chunk: Buffer, next: number): number {
    const end = next + this.#left;
    const isSized = this.#expected === "body by length" && this.#left <= maxBytesAtOnce;
    const isWhole = isSized && end <= chunk.length;
    this.#events?.onHead(head, isWhole || next < chunk.length);
    if (!isWhole) return next;
    this.#left = 0;
    this.#stop()?.onWhole(chunk.toString("latin1", next, end));
    return end;
  }

  /** Where the response ends, and what becomes of the connection then (RFC 9112 sections 6.3 and 9.3). */
  #readFraming({ status, headers }: ResponseHead, isHttp11: boolean): void {
    const framing = readFraming(headers);
    this.persistent = isHttp11 ? !framing.closes : framing.keepsAlive;
    this.keepAliveSeconds = framing.keepAliveSeconds;
    this.#left = 0;
    if (framing.chunked && (framing.length !== undefined || !isHttp11))
      throw malformed("two ways to end");
    if (this.#bodiless || status === 204 || status === 304) {
      this.#expected = "body by length";
    } else if (framing.chunked) {
      this.#expected = "chunk size";
    } else if (framing.length !== undefined) {
      this.#left = framing.length;
      this.#expected = "body by length";
    } else {
      this.persistent = false;
      this.#expected = "body until close";
    }
  }

  #readBody(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#left, chunk.length);
    this.#left -= end - at;
    const chunked = this.#expected === "chunk";
    if (chunked && this.#left === 0) this.#expected = "chunk end";
    this.#body.add(chunk, at, end);
    if (!chunked && this.#left === 0) this.#finish(chunk, none);
    return end;
  }

  #readChunkSize(chunk: Buffer, at: number): number {
    const end = chunkLineEnd(chunk, at, this.#lineEnd);
    if (end === -1) return at;
    this.#left = chunkSize(chunk, at, end);
    if (this.#left > 0) {
      this.#expected = "chunk";
      return end + this.#lineEnd.length;
    }
    this.#expected = "trailers";
    // The line end stays: every trailer begins with one, and so does the end.
    return end;
  }

  #readChunkEnd(chunk: Buffer, at: number): number {
    const next = chunkDataEnd(chunk, at, this.#lineEnd);
    if (next === -1) return at;
    this.#expected = "chunk size";
    return next;
  }

  #readTrailers(chunk: Buffer, at: number): number {
    const section = readTrailers(chunk, at, { maxBytes: this.#headBytes, lineEnd: this.#lineEnd });
    if (section === undefined) return at;
    this.#finish(chunk, section.text === "" ? none : readFields(section.text, 0));
    return section.next;
  }

  #handOverBody(chunk: Buffer): void {
    const body = this.#body.take(chunk);
    if (body !== undefined) this.#events?.onData(body);
  }

  #finish(chunk: Buffer, trailers: FieldLines): void {
    this.#handOverBody(chunk);
    this.#stop()?.onEnd(trailers);
  }

  /** Expects nothing any more; returns who was told of the response. */
  #stop(): ResponseEvents | undefined {
    const events = this.#events;
    this.#events = undefined;
    this.#expected = "nothing";
    return events;
  }
}

function closed(): UpstreamError {
  return new UpstreamError(
    "closed",
    "the application closed the connection before its answer was complete",
  );
}
