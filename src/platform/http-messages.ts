import { IncomingMessage, ServerResponse } from "node:http";
import { atEndOfTurn } from "./end-of-turn.ts";
import { GatheredBytes } from "./gathered-bytes.ts";

/** How a message says where its body ends. */
export type BodyFraming = "none" | "by length" | "chunked";

/** What a field section says of the body behind it. Name and value alternate, as received. */
export function bodyFramingOf(rawHeaders: readonly string[]): BodyFraming {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    if (name.length === 14 && name.toLowerCase() === "content-length") {
      return rawHeaders[i + 1] === "0" ? "none" : "by length";
    }
    if (name.length === 17 && name.toLowerCase() === "transfer-encoding") return "chunked";
  }
  return "none";
}

/** What Node's own requests have, and its types do not show. */
interface RequestInternals {
  /** Reads what is left of a request; called when its response is done and nobody has read it. */
  _dump(): void;
}

/** The same of responses. A Node that has something else there gets every response in the long way. */
interface ResponseInternals {
  /** The head as it is sent; null as long as there is none. */
  _header: string | null;
  _headerSent: boolean;
  /** For how long, in milliseconds, the connection is kept after this response. */
  readonly _keepAliveTimeout: number;
}

const nodeRequest = IncomingMessage.prototype as unknown as RequestInternals;

/** Pieces of a body that are shorter are put together where nobody takes them at once. */
const crumbBytes = 1024;

/**
 * A request whose stream is left alone where it has no body: for such a one, Node begins the stream, reads
 * it to its end, ends and closes it, a tenth of what a refusal costs (docs/benchmarks.md).
 *
 * A Node that does not call `_dump` any more takes longer, and does nothing else.
 *
 * A body that waits takes no more memory than its bytes, even where it came in chunks of one byte: each
 * would be a buffer of some hundred bytes (decision 0020).
 */
export class ProxyRequest extends IncomingMessage {
  /** What came in this turn of the event loop, behind something that nobody has taken yet. */
  #crumbs: GatheredBytes | undefined;

  /** @internal */
  _dump(): void {
    if (bodyFramingOf(this.rawHeaders) !== "none") nodeRequest._dump.call(this);
  }

  override push(piece: Buffer | null): boolean {
    if (piece === null || piece.length >= crumbBytes || this.readableLength === 0) {
      this.#pushCrumbs();
      return super.push(piece);
    }
    if (this.#crumbs === undefined) {
      this.#crumbs = new GatheredBytes();
      setImmediate(() => this.#pushCrumbs());
    }
    this.#crumbs.add(piece);
    return this.readableLength + this.#crumbs.length < this.readableHighWaterMark;
  }

  #pushCrumbs(): void {
    const crumbs = this.#crumbs;
    this.#crumbs = undefined;
    if (crumbs !== undefined) super.push(crumbs.bytes);
  }
}

/** What one write takes without being put aside first: Node has so many bytes for it on its stack, less one. */
export const mostBytesAtOnce = 16_383;

/** A response that can also be sent in one piece. */
export class ProxyResponse extends ServerResponse<ProxyRequest> {
  /**
   * Sends head and body, which has one byte a character. Name and value of `headers` alternate, as for
   * `writeHead`; they must be fit to be sent, with the `Content-Length` of the answer (of 304 and to
   * HEAD, of what it stands for).
   *
   * Most go out as one text in one write, past what Node does for each header and each part, which is a
   * third of what a refusal costs (docs/benchmarks.md). The bytes are the same.
   */
  sendWhole(status: number, reason: string, headers: readonly string[], body: string): void {
    const fields = this.#goesOnAfter(body) ? completeFields(headers) : undefined;
    if (fields === undefined) {
      this.writeHead(status, reason, [...headers]);
      this.end(body, "latin1");
      return;
    }
    const head = `HTTP/1.1 ${status} ${reason}\r\n${fields}${this.#connectionLines()}\r\n`;
    const text = this.req.method === "HEAD" ? head : head + body;
    this.statusCode = status;
    const internals = this.#internals;
    internals._header = head;
    internals._headerSent = true;
    atEndOfTurn(() => this.#send(text));
  }

  #send(text: string): void {
    // The client may have left since.
    if (this.socket?.writable !== true) return;
    this.socket.write(text, "latin1");
    // Finds nothing left to send, and does all else that comes behind a response.
    this.end();
  }

  get #internals(): ResponseInternals {
    return this as unknown as ResponseInternals;
  }

  /** Whether the connection is free for a text with that body, and is kept behind it. */
  #goesOnAfter(body: string): boolean {
    const { socket, req, shouldKeepAlive } = this;
    const { _header, _headerSent, _keepAliveTimeout } = this.#internals;
    if (_header !== null || _headerSent !== false || _keepAliveTimeout === undefined) return false;
    // Without a socket, another response of the connection comes first.
    if (socket === null || !socket.writable || !shouldKeepAlive) return false;
    // What a client sends that waits for `100 Continue` is anybody's guess once it is answered otherwise.
    return req.headers.expect === undefined && body.length <= mostBytesAtOnce;
  }

  #connectionLines(): string {
    const { _keepAliveTimeout: keptMs } = this.#internals;
    const limit = keptMs > 0 ? `Keep-Alive: timeout=${Math.floor(keptMs / 1000)}\r\n` : "";
    return `Connection: keep-alive\r\n${limit}`;
  }
}

/** A field section as it is sent. Name and value alternate. */
export function fieldLines(headers: readonly string[]): string {
  let lines = "";
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return lines;
}

/** The same with a `Date`; undefined where it does not say how long the body is. */
function completeFields(headers: readonly string[]): string | undefined {
  let dated = false;
  let sized = false;
  for (let i = 0; i < headers.length; i += 2) {
    // Most names are told apart by their length alone.
    const { length } = headers[i] ?? "";
    if (length === 4 && headers[i]?.toLowerCase() === "date") dated = true;
    else if (length === 14 && headers[i]?.toLowerCase() === "content-length") sized = true;
  }
  if (!sized) return undefined;
  const lines = fieldLines(headers);
  return dated ? lines : `${lines}Date: ${httpDate()}\r\n`;
}

let dateSecond = 0;
let dateText = "";

/** The value of `Date` now (RFC 9110 section 5.6.7), put together once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
