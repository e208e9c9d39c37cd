/**
 * Lines of text that tell when they are damaged: the CRC-32 of the text in eight hexadecimal digits, a space, the
 * text, a line feed.
 *
 * In bytes, many at a time: for lines as short as these, a call into zlib for each takes longer than all the rest.
 */

const digits = 8;
/** What a line has besides its text: digits, a space, a line feed. */
export const checkBytes = digits + 2;
const space = 0x20;
const lineFeed = 0x0a;
const hexadecimal = Buffer.from("0123456789abcdef");

const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  }
  return remainder;
});

/** Makes lines of texts that have no line feed. */
export function encodeLines(texts: readonly string[]): Buffer {
  const blank = `${"0".repeat(digits)} `;
  const bytes = Buffer.from(texts.map((text) => `${blank}${text}\n`).join(""));
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(lineFeed, start);
    const checksum = crc(bytes, start + digits + 1, end);
    for (let at = 0; at < digits; at += 1) bytes[start + at] = digitOf(checksum, at);
    start = end + 1;
  }
  return bytes;
}

/** The texts of whole lines, one byte a character; undefined for each that is damaged. */
export function decodeLines(bytes: Buffer): (string | undefined)[] {
  const all = bytes.toString("latin1");
  const texts: (string | undefined)[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(lineFeed, start);
    if (end < 0) return [...texts, undefined];
    const textAt = start + digits + 1;
    texts.push(isWhole(bytes, start, end) ? all.slice(textAt, end) : undefined);
    start = end + 1;
  }
  return texts;
}

function isWhole(bytes: Buffer, start: number, end: number): boolean {
  const textAt = start + digits + 1;
  if (textAt > end || bytes[textAt - 1] !== space) return false;
  const checksum = crc(bytes, textAt, end);
  for (let at = 0; at < digits; at += 1) {
    if (bytes[start + at] !== digitOf(checksum, at)) return false;
  }
  return true;
}

function crc(bytes: Buffer, start: number, end: number): number {
  let remainder = -1;
  for (let at = start; at < end; at += 1) {
    remainder = (remainders[(remainder ^ (bytes[at] ?? 0)) & 255] ?? 0) ^ (remainder >>> 8);
  }
  return ~remainder;
}

function digitOf(checksum: number, at: number): number {
  return hexadecimal[(checksum >>> (4 * (digits - 1 - at))) & 15] ?? 0;
}
