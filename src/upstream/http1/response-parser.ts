import { UpstreamError } from "../upstream-error.ts";

/** The head of a response, interim (below 200) or final, as it was received. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** Name and value alternating, in order and letter case. */
  readonly headers: readonly string[];
}

/** Who is told of a response, part by part. What they are given is theirs to keep. */
export interface ResponseEvents {
  /** `more`: what was received goes on behind the head, or nothing is to come. */
  onHead(head: ResponseHead, more: boolean): void;
  /** The response is whole: its body, if any, came with the head and is short. One byte a character. */
  onWhole(body: string): void;
  onData(chunk: Buffer): void;
  /** The response is whole. Trailers alternate as headers do. */
  onEnd(trailers: readonly string[]): void;
}

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

/** A field line (RFC 9112 section 5): no space before the colon, no folding, no control bytes but tab. */
const fieldLine = "\\r\\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\\t\\x20-\\x7e\\x80-\\xff]*";
const headSyntax = new RegExp(
  `^HTTP/1\\.[01] [1-9]\\d\\d(?: [\\t\\x20-\\x7e\\x80-\\xff]*)?(?:${fieldLine})*$`,
);
const trailerSyntax = new RegExp(`^(?:${fieldLine})*$`);
/**
 * The longest body that is handed over as text: what one write takes without being put aside first. (Node
 * has so many bytes for it on its stack, less one.)
 */
const mostBytesAtOnce = 16_383;
/** At most 2^52 bytes; extensions mean nothing here (RFC 9112 section 7.1.1). */
const chunkSizeSyntax = /^([0-9A-Fa-f]{1,13})(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const lengthSyntax = /^\d{1,15}$/;
/** The longest line with the size of a chunk, in bytes. */
const mostChunkLineBytes = 1024;

const none: readonly string[] = [];
const nothing = Buffer.alloc(0);
const carriageReturn = 13;
const lineFeed = 10;
const space = 32;
const tab = 9;

/**
 * Reads the responses of one HTTP/1.1 connection from bytes, as strictly as RFC 9112 allows.
 *
 * Whatever has a second reading is an error: bare line feeds, folded lines, a length beside a coding or
 * beside another length, a coding other than `chunked`. Where a response ends is decided here alone, so
 * that no byte of one can be taken for the next.
 */
export class ResponseParser {
  readonly #headBytes: number;
  #events: ResponseEvents | undefined;
  #expected: Expected = "nothing";
  #bodiless = false;
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

  /** Whether a response is awaited or under way. */
  get busy(): boolean {
    return this.#expected !== "nothing";
  }

  /**
   * Takes what was received. Throws an UpstreamError where that is not HTTP, or not asked for.
   *
   * The buffer is the caller's, who may read the next connection's bytes into it as soon as this returns:
   * all that is kept or handed on is a copy.
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
        return;
      }
      at = next;
    }
  }

  /** The other side has closed in good order: the end of a body that has no other. Throws where one is missing. */
  close(): void {
    if (this.#expected !== "body until close") throw closed();
    this.persistent = false;
    this.#finish(none);
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
        this.#events?.onData(copyOf(chunk, at, chunk.length));
        return chunk.length;
      case "chunk size":
        return this.#readChunkSize(chunk, at);
      case "chunk end":
        return this.#readChunkEnd(chunk, at);
      case "trailers":
        return this.#readTrailers(chunk, at);
      case "nothing":
        throw malformed("bytes that nobody asked for");
    }
  }

  #readHead(chunk: Buffer, at: number): number {
    const end = chunk.indexOf("\r\n\r\n", at, "latin1");
    if ((end === -1 ? chunk.length : end) - at > this.#headBytes)
      throw malformed("too long a head");
    if (end === -1) return at;
    const text = chunk.toString("latin1", at, end);
    if (!headSyntax.test(text)) throw malformed("a head that is not HTTP/1.1");

    const lineEnd = text.indexOf("\r\n");
    const headers = readFields(text, lineEnd === -1 ? text.length : lineEnd);
    const head: ResponseHead = {
      status: Number(text.slice(9, 12)),
      reason: text.slice(13, lineEnd === -1 ? undefined : lineEnd),
      headers,
    };
    const next = end + 4;
    if (head.status < 200) {
      this.#events?.onHead(head, next < chunk.length);
      return next;
    }
    this.#readFraming(head, text.charCodeAt(7) === 49);
    return this.#handOver(head, chunk, next);
  }

  /** Hands a final head over, and the body that begins at `next` where it is all there, and short. */
  #handOver(head: ResponseHead, chunk: Buffer, next: number): number {
    const end = next + this.#left;
    const isSized = this.#expected === "body by length" && this.#left <= mostBytesAtOnce;
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
    if (framing.coding !== undefined) {
      if (framing.length !== undefined || !isHttp11) throw malformed("two ways to end");
      if (framing.coding.toLowerCase() !== "chunked") throw malformed("an unknown transfer coding");
    }
    if (this.#bodiless || status === 204 || status === 304) {
      this.#expected = "body by length";
    } else if (framing.coding !== undefined) {
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
    this.#events?.onData(copyOf(chunk, at, end));
    if (!chunked && this.#left === 0) this.#finish(none);
    return end;
  }

  #readChunkSize(chunk: Buffer, at: number): number {
    const end = chunk.indexOf("\r\n", at, "latin1");
    if ((end === -1 ? chunk.length : end) - at > mostChunkLineBytes) {
      throw malformed("too long a chunk size");
    }
    if (end === -1) return at;
    const [, size] = chunkSizeSyntax.exec(chunk.toString("latin1", at, end)) ?? [];
    if (size === undefined) throw malformed("a chunk without a size");
    this.#left = Number.parseInt(size, 16);
    if (this.#left > 0) {
      this.#expected = "chunk";
      return end + 2;
    }
    this.#expected = "trailers";
    // The line end stays: every trailer begins with one, and so does the end.
    return end;
  }

  #readChunkEnd(chunk: Buffer, at: number): number {
    const [first, second] = [chunk[at], chunk[at + 1]];
    if (first !== carriageReturn || (second !== undefined && second !== lineFeed)) {
      throw malformed("a chunk that is longer than its size");
    }
    if (second === undefined) return at;
    this.#expected = "chunk size";
    return at + 2;
  }

  #readTrailers(chunk: Buffer, at: number): number {
    const end = chunk.indexOf("\r\n\r\n", at, "latin1");
    if ((end === -1 ? chunk.length : end) - at > this.#headBytes) throw malformed("long trailers");
    if (end === -1) return at;
    const text = chunk.toString("latin1", at, end);
    if (!trailerSyntax.test(text)) throw malformed("trailers that are no field lines");
    this.#finish(text === "" ? none : readFields(text, 0));
    return end + 4;
  }

  #finish(trailers: readonly string[]): void {
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

/** A part of a chunk, in memory of its own. */
function copyOf(chunk: Buffer, from: number, to: number): Buffer {
  return Buffer.from(chunk.subarray(from, to));
}

/** What a head says of where its message ends. */
interface Framing {
  length: number | undefined;
  coding: string | undefined;
  closes: boolean;
  keepsAlive: boolean;
  keepAliveSeconds: number | undefined;
}

function readFraming(headers: readonly string[]): Framing {
  const framing: Framing = {
    length: undefined,
    coding: undefined,
    closes: false,
    keepsAlive: false,
    keepAliveSeconds: undefined,
  };
  for (let i = 0; i < headers.length; i += 2) {
    // Most names are told apart by their length alone.
    const { length } = headers[i] ?? "";
    if (length === 10) readConnection(framing, headers[i] ?? "", headers[i + 1] ?? "");
    else if (length === 14 || length === 17) {
      readLength(framing, headers[i] ?? "", headers[i + 1] ?? "");
    }
  }
  return framing;
}

function readLength(framing: Framing, name: string, value: string): void {
  const lower = name.toLowerCase();
  if (lower === "content-length") {
    if (framing.length !== undefined || !lengthSyntax.test(value)) throw malformed("no one length");
    framing.length = Number(value);
  } else if (lower === "transfer-encoding") {
    if (framing.coding !== undefined) throw malformed("two transfer codings");
    framing.coding = value;
  }
}

function readConnection(framing: Framing, name: string, value: string): void {
  const lower = name.toLowerCase();
  if (lower === "connection") {
    if (/(?:^|,)[\t ]*close[\t ]*(?:,|$)/i.test(value)) framing.closes = true;
    else if (/(?:^|,)[\t ]*keep-alive[\t ]*(?:,|$)/i.test(value)) framing.keepsAlive = true;
  } else if (lower === "keep-alive") {
    const [, seconds] = /(?:^|[,;\t ])timeout=(\d{1,6})/i.exec(value) ?? [];
    if (seconds !== undefined) framing.keepAliveSeconds = Number(seconds);
  }
}

/** Cuts field lines, each with its line end before it, whose syntax has been checked. */
function readFields(text: string, from: number): string[] {
  const fields: string[] = [];
  let at = from;
  while (at < text.length) {
    const colon = text.indexOf(":", at);
    let end = text.indexOf("\r\n", colon);
    if (end === -1) end = text.length;
    fields.push(text.slice(at + 2, colon), trimmed(text, colon + 1, end));
    at = end;
  }
  return fields;
}

/** White space around a value is no part of it (RFC 9112 section 5.1). */
function trimmed(text: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === space || code === tab;
}

function malformed(what: string): UpstreamError {
  return new UpstreamError("malformed", `the application sent ${what}`);
}

function closed(): UpstreamError {
  return new UpstreamError(
    "closed",
    "the application closed the connection before its answer was whole",
  );
}
