/** Fewer characters of base64 hold less than 128 bits: no signature and nothing encrypted. */
const minDigits = 22;
/** What is encrypted or signed in one piece has at least that many: 16 bytes of IV, 16 of text and 16 of tag. */
const minSealedDigits = 64;
/** A part in hexadecimal, such as an IV, has eight bytes and more. */
const minHexDigits = 16;
/** Fewer digits, in one part or in several, may be an id: then tokens are told apart by what follows. */
const minSealedHexDigits = { alone: 96, together: 64 };
/** What applications split tokens at before they decode the parts. */
const separators = [".", ":", "|"];
/** No token has more parts; a text of thousands is looked at as one. */
const maxParts = 16;

/** The characters that count to a decoder, by the runs of others. */
interface Alphabet {
  readonly foreign: RegExp;
}

/** Many decoders know both alphabets, and take `+` for `-` and `/` for `_`; PHP's knows one. */
const both: Alphabet = { foreign: /[^\w+/-]+/g };
const alphabets: readonly Alphabet[] = [both, { foreign: /[^A-Za-z0-9+/]+/g }];
/** `{"`, and a letter after it, in base64. */
const jsonObject = /^eyJ/;

/** Where a decoder stops in a text; undefined: it reads all of it. */
type Stop = (text: string, alphabet: Alphabet) => number | undefined;

const never: Stop = () => undefined;
/** PHP's decoder skips padding; Node's stops at the first; Ruby's and Python's stop where it completes four characters. */
const stops: readonly Stop[] = [
  (text) => (text.includes("=") ? text.indexOf("=") : undefined),
  (text, alphabet) => endOfQuad(text, alphabet, 1),
  (text, alphabet) => endOfQuad(text, alphabet, 2),
];

/**
 * The spellings that name an opaque text: two texts that an application may decode to the same bytes have one in
 * common, whatever of base64 it is: its spare bits (decision 0002), padding, alphabet, or characters outside of it,
 * which many decoders skip (stoppedSpellings has what they leave out after padding). Two tokens that are told apart by more
 * than the last character of a part have none.
 *
 * Letters and digits alone count, since `+/-_` are foreign to some decoders, and the last one is left out. A text
 * in one letter case is no base64 but hexadecimal, a UUID or the like: it counts in full, in lower case. A short
 * one is neither, and counts as it stands.
 */
export function opaqueSpellings(text: string): readonly string[] {
  return spelled(text, [never]);
}

/**
 * The spellings under which a text is looked up as well: what a decoder reads of it that stops at padding. Nothing is revoked under
 * them but a text that ends there: what follows may be a signature, by which alone tokens are told apart.
 */
export function stoppedSpellings(text: string): readonly string[] {
  return text.includes("=") ? spelled(text, stops) : [];
}

function spelled(text: string, used: readonly Stop[]): readonly string[] {
  if (digitsIn(text, both).length < minDigits) return [text];
  const plain = text.replace(/[^A-Za-z0-9]/g, "");
  const lower = plain.toLowerCase();
  const isOneCase = plain === lower || plain === plain.toUpperCase();
  const isPlain = isOneCase || /^[0-9a-f]+$/.test(lower);
  // Most texts end with their padding, and then every decoder reads the same.
  return [...new Set(isPlain ? [lower] : asBase64(text.replace(/(?<!=)=+$/, ""), used))];
}

/**
 * The spelling under which a text is looked up as well, if it begins with hexadecimal: Node's decoder reads that up to the first
 * character that is none. Nothing is revoked under it but a text that is hexadecimal to its end.
 */
export function hexadecimalSpelling(text: string): string | undefined {
  const parts = text.split(/[.:|]/).map((part) => /^(?:[0-9a-f]{2})*/i.exec(part)?.[0] ?? "");
  const digits = parts.join("").toLowerCase();
  const least = minSealedHexDigits[parts.length === 1 ? "alone" : "together"];
  const isSealed = digits.length >= least && parts.every(({ length }) => length >= minHexDigits);
  return isSealed ? digits : undefined;
}

function asBase64(text: string, used: readonly Stop[]): string[] {
  const splits = separators.flatMap((separator) => {
    const parts = text.split(separator, maxParts + 1);
    return parts.length > 1 && parts.length <= maxParts ? [{ separator, parts }] : [];
  });
  const read = (alphabet: Alphabet, stop: Stop) => [
    spelledWhole(text, alphabet, stop),
    ...splits.map(({ separator, parts }) =>
      parts.map((part) => spelledPart(part, alphabet, stop, minDigits)).join(separator),
    ),
  ];
  return alphabets.flatMap((alphabet) => used.flatMap((stop) => read(alphabet, stop)));
}

/** One that begins with a JSON object has parts after its padding: the first alone is the same in many tokens. */
function spelledWhole(text: string, alphabet: Alphabet, stop: Stop): string {
  const isInParts = jsonObject.test(digitsIn(text, alphabet));
  return spelledPart(text, alphabet, isInParts ? never : stop, minSealedDigits);
}

/** What a decoder reads; if it would stop before `least` characters, the padding is no end but a sign. */
function spelledPart(text: string, alphabet: Alphabet, stop: Stop, least: number): string {
  const read = digitsIn(text.slice(0, stop(text, alphabet)), alphabet);
  const digits = read.length >= least ? read : digitsIn(text, alphabet);
  const kept = digits.length >= minDigits ? digits.slice(0, -1) : digits;
  return kept.replace(/[^A-Za-z0-9]+/g, "");
}

function digitsIn(text: string, { foreign }: Alphabet): string {
  return text.replace(foreign, "");
}

/** Where as many `=` in a row as are `asked` for, or as lack of four characters, follow two or three of these. */
function endOfQuad(text: string, alphabet: Alphabet, asked: 1 | 2): number | undefined {
  let [digits, signs, from] = [0, 0, 0];
  for (const { index } of text.matchAll(/=/g)) {
    const between = digitsIn(text.slice(from, index), alphabet).length;
    digits += between;
    signs = between > 0 ? 1 : signs + 1;
    from = index + 1;
    const inQuad = digits % 4;
    if (inQuad >= 2 && signs >= Math.min(asked, 4 - inQuad)) return index;
  }
  return undefined;
}
