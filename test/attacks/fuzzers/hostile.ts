import { fc } from "../../helpers/fast-check.ts";

/** Numbers at the edges of what programs count with, as text. */
export const hostileNumbers = [
  ...["0", "-0", "-1", "1", "00", "1.5", "1e21", "1e308", "1e999", "-1e999", "0x10", "1_000"],
  ...["NaN", "Infinity", "null", "true", '"1"', "[]", "{}", "", " ", "١"],
  ...["2147483647", "2147483648", "4294967296", "9007199254740991", "9007199254740993"],
  ...["99999999999999999999999999"],
];

/** Texts that end lines, strings or paths, or are names of something. */
export const hostileTexts = [
  ...["", " ", "\0", "\n", "\r\n", "\t", "\x7f", "\u2028", "\ufeff", "\ud800", "'", '"', "`", "\\"],
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "${HOME}", "{{7*7}}", "%00", "%0a"],
  ...["../../etc/passwd", "//", "///", "http://a:99999/", "http://[", "http://%", "x".repeat(9000)],
  ...['["issuer","subject"]', "A".repeat(43), "A".repeat(42), "A".repeat(44), "é", "𝒳", "😀"],
];

/** JSON that is nested deeper than a recursive reader's stack. */
export const deepJson = [
  "[".repeat(50_000) + "]".repeat(50_000),
  "[".repeat(30_000),
  `${'{"a":'.repeat(9000)}1${"}".repeat(9000)}`,
];

/** Any text: from the list, or made of anything. */
export const hostileText = fc.oneof(
  fc.constantFrom(...hostileTexts),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
);

/** Any JSON value, as text: well-formed, at the edges, or deep. */
export const hostileJson = fc.oneof(
  { weight: 6, arbitrary: fc.json() },
  { weight: 3, arbitrary: fc.constantFrom(...hostileNumbers) },
  { weight: 1, arbitrary: fc.constantFrom(...deepJson) },
);

/** One change to bytes that are right: the way in for what a grammar does not think of. */
type Change =
  | { readonly kind: "flip"; readonly at: number; readonly mask: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "delete"; readonly at: number; readonly length: number }
  | { readonly kind: "repeat"; readonly at: number; readonly length: number }
  | { readonly kind: "truncate"; readonly at: number };

const at = fc.nat(1_000_000);
const length = fc.integer({ min: 1, max: 64 });
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("flip"), at, mask: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant("insert"), at, bytes: fc.uint8Array({ maxLength: 16 }) }),
  fc.record({ kind: fc.constant("delete"), at, length }),
  fc.record({ kind: fc.constant("repeat"), at, length }),
  fc.record({ kind: fc.constant("truncate"), at }),
);

/** The bytes with up to four changes. */
export function mutationsOf(right: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(right, fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([bytes, changes]) => changes.reduce(applyChange, bytes));
}

function applyChange(bytes: Buffer, change: Change): Buffer {
  if (bytes.length === 0) return bytes;
  const at = change.at % bytes.length;
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (change.kind) {
    case "flip": {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ change.mask;
      return flipped;
    }
    case "insert":
      return Buffer.concat([before, change.bytes, after]);
    case "delete":
      return Buffer.concat([before, after.subarray(change.length)]);
    case "repeat":
      return Buffer.concat([before, after.subarray(0, change.length), after]);
    case "truncate":
      return before;
  }
}

/** Cuts bytes into the pieces in which they are sent. */
export function piecesOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const bounds = [0, ...places, bytes.length];
  return bounds
    .slice(1)
    .map((end, index) => bytes.subarray(bounds[index], end))
    .filter((piece) => piece.length > 0);
}
