import { malformed } from "./malformed.ts";
import { type LineEnd, refuseBareLineFeed } from "./sections.ts";

/**
 * At most 2^52 bytes. Leading zeros, extensions and white space around them mean nothing (RFC 9112 section
 * 7.1.1).
 */
const chunkSizeSyntax = /^0*([0-9A-Fa-f]{1,13})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
/** The longest line with the size of a chunk, in bytes. */
const maxChunkLineBytes = 1024;
const carriageReturn = 13;
const lineFeed = 10;

/** Where the line with a chunk's size ends, in front of its line end; -1 if it is not whole yet. */
export function chunkLineEnd(received: Buffer, at: number, lineEnd: LineEnd): number {
  const end = received.indexOf(lineEnd, at, "latin1");
  if ((end === -1 ? received.length : end) - at > maxChunkLineBytes) {
    throw malformed("too long a chunk size");
  }
  if (end === -1) refuseBareLineFeed(received, at);
  return end;
}

/** The size that such a line says, in bytes. */
export function chunkSize(received: Buffer, at: number, end: number): number {
  const [, size] = chunkSizeSyntax.exec(received.toString("latin1", at, end)) ?? [];
  if (size === undefined) throw malformed("a chunk without a size");
  return Number.parseInt(size, 16);
}

/** Where the line end behind a chunk's data ends; -1 if it is not whole yet. */
export function chunkDataEnd(received: Buffer, at: number, lineEnd: LineEnd): number {
  const isBare = lineEnd === "\n";
  const end = isBare ? at : at + 1;
  const first = received[at];
  const last = received[end];
  if (first !== (isBare ? lineFeed : carriageReturn) || (last ?? lineFeed) !== lineFeed) {
    throw malformed("a chunk that is longer than its size");
  }
  return last === undefined ? -1 : end + 1;
}
