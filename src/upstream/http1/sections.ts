import { beginsHttp1, malformed, noHttp1 } from "./malformed.ts";

/**
 * How the lines of a message end. Old applications write bare line feeds; a message has one reading as long
 * as all of its lines end alike (RFC 9112 section 2.2).
 */
export type LineEnd = "\r\n" | "\n";

/** Lines up to an empty one. */
export interface LineBlock {
  /** Without the empty line; lines are separated by CR LF. One byte a character. */
  readonly text: string;
  readonly lineEnd: LineEnd;
  /** Where the bytes behind it begin. */
  readonly next: number;
}

/** A field line (RFC 9112 section 5): no space before the colon, no folding, no control bytes but tab. */
const fieldLine = "\\r\\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\\t\\x20-\\x7e\\x80-\\xff]*";
const headSyntax = new RegExp(
  `^HTTP/1\\.\\d [1-9]\\d\\d(?: [\\t\\x20-\\x7e\\x80-\\xff]*)?(?:${fieldLine})*$`,
);
const trailerSyntax = new RegExp(`^(?:${fieldLine})*$`);
const carriageReturn = 13;
const lineFeed = 10;
const space = 32;
const tab = 9;

/**
 * Reads the head of a response that begins at `at`; undefined if it is not whole yet.
 *
 * Throws an UpstreamError as soon as it can't become one.
 */
export function readHead(received: Buffer, at: number, maxBytes: number): LineBlock | undefined {
  const end = received.indexOf("\r\n\r\n", at, "latin1");
  if (end !== -1 && end - at <= maxBytes) {
    const text = received.toString("latin1", at, end);
    if (headSyntax.test(text)) return { text, lineEnd: "\r\n", next: end + 4 };
  }
  if (!beginsHttp1(received, at)) throw noHttp1(received, at);
  const firstLineEnd = received.indexOf(lineFeed, at);
  if (firstLineEnd !== -1 && received[firstLineEnd - 1] !== carriageReturn) {
    return readBareSection(received, at, { maxBytes, syntax: headSyntax });
  }
  if ((end === -1 ? received.length : end) - at > maxBytes) throw malformed("too long a head");
  if (end !== -1) throw noHttp1(received, at);
  refuseBareLineFeed(received, at);
  return undefined;
}

/** Reads trailers; the line end in front of them is theirs. Otherwise as `readHead`. */
export function readTrailers(
  received: Buffer,
  at: number,
  { maxBytes, lineEnd }: { readonly maxBytes: number; readonly lineEnd: LineEnd },
): LineBlock | undefined {
  if (lineEnd === "\n") return readBareSection(received, at, { maxBytes, syntax: trailerSyntax });
  const end = received.indexOf("\r\n\r\n", at, "latin1");
  if ((end === -1 ? received.length : end) - at > maxBytes) throw malformed("long trailers");
  if (end === -1) {
    refuseBareLineFeed(received, at);
    return undefined;
  }
  const text = received.toString("latin1", at, end);
  if (!trailerSyntax.test(text)) throw malformed("trailers that are no field lines");
  return { text, lineEnd, next: end + 4 };
}

/** Reads a section whose lines all end with a line feed alone. */
function readBareSection(
  received: Buffer,
  at: number,
  { maxBytes, syntax }: { readonly maxBytes: number; readonly syntax: RegExp },
): LineBlock | undefined {
  const end = received.indexOf("\n\n", at, "latin1");
  const to = end === -1 ? received.length : end;
  if (to - at > maxBytes) throw malformed("too long a head");
  const text = received.toString("latin1", at, to);
  if (text.includes("\r")) throw malformed("lines that end in two ways");
  if (end === -1) return undefined;
  const lines = text.replaceAll("\n", "\r\n");
  if (!syntax.test(lines)) throw malformed("a head that is not HTTP/1.1");
  return { text: lines, lineEnd: "\n", next: end + 2 };
}

/** In lines that end with CR LF, a line feed alone is refused at once: nothing that follows makes it valid. */
export function refuseBareLineFeed(received: Buffer, at: number): void {
  for (
    let lineEnd = received.indexOf(lineFeed, at);
    lineEnd !== -1;
    lineEnd = received.indexOf(lineFeed, lineEnd + 1)
  ) {
    if (lineEnd === at || received[lineEnd - 1] !== carriageReturn) {
      throw malformed("lines that end in two ways");
    }
  }
}

/** Cuts field lines, each with its line end before it, whose syntax has been checked. */
export function readFields(text: string, from: number): string[] {
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
