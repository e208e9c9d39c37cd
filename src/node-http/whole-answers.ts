import { type FieldLines, findField, writeFields } from "../http/field-lines.ts";

/** An answer that is there as a whole. */
export interface WholeAnswer {
  readonly status: number;
  readonly reason: string;
  /** Fit to be sent. */
  readonly headers: FieldLines;
  /** One byte a character. */
  readonly body: string;
}

/**
 * An answer as it is sent, one byte a character; undefined if it does not say how long it is. `keptMs`:
 * for how long, in milliseconds, the connection is kept behind it; 0: without limit.
 */
export function textOf(
  { status, reason, headers, body }: WholeAnswer,
  method: string | undefined,
  keptMs: number,
): string | undefined {
  if (findField(headers, "content-length") === -1) return undefined;
  const dated = findField(headers, "date") !== -1;
  const end = dated ? connectionLines(keptMs) : lastLines(keptMs);
  const head = `HTTP/1.1 ${status} ${reason}\r\n${writeFields(headers)}${end}`;
  return method === "HEAD" ? head : head + body;
}

/**
 * An answer that is given often: what is the same each time is put together once, which is a twelfth of
 * what a refusal costs (docs/benchmarks.md).
 */
export class PreparedAnswer implements WholeAnswer {
  readonly status: number;
  readonly reason: string;
  readonly headers: FieldLines;
  readonly body: string;
  readonly #start: string;

  /** Of an answer that says how long it is and has no date. */
  constructor({ status, reason, headers, body }: WholeAnswer) {
    this.status = status;
    this.reason = reason;
    this.headers = headers;
    this.body = body;
    // In one piece: V8 keeps what is added up as its parts, and copies it from them each time.
    this.#start = [`HTTP/1.1 ${status} ${reason}\r\n`, writeFields(headers)].join("");
  }

  /** The same with more headers, of which none is `Date`. */
  with(more: FieldLines): WholeAnswer {
    const { status, reason, body } = this;
    return { status, reason, headers: [...this.headers, ...more], body };
  }

  /** What `textOf` says of `with(more)`. */
  textWith(more: FieldLines, method: string | undefined, keptMs: number): string {
    const head = this.#start + writeFields(more) + lastLines(keptMs);
    return method === "HEAD" ? head : head + this.body;
  }
}

/** The end of a head whose connection is kept. */
function connectionLines(keptMs: number): string {
  const limit = keptMs > 0 ? `Keep-Alive: timeout=${Math.floor(keptMs / 1000)}\r\n` : "";
  return `Connection: keep-alive\r\n${limit}\r\n`;
}

const last = { second: -1, keptMs: 0, lines: "" };

/** The same with a `Date` (RFC 9110 section 5.6.7), put together once a second. */
function lastLines(keptMs: number): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== last.second || keptMs !== last.keptMs) {
    const date = new Date(second * 1000).toUTCString();
    last.second = second;
    last.keptMs = keptMs;
    last.lines = [`Date: ${date}\r\n`, connectionLines(keptMs)].join("");
  }
  return last.lines;
}
