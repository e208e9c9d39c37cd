/** What precedes a text in an encoding, or, in JSON without such a mark, which of the first four bytes are 0. */
const encodings = [
  { name: "utf-32be", mark: [0, 0, 0xfe, 0xff], zeros: [true, true, true, false] },
  { name: "utf-32le", mark: [0xff, 0xfe, 0, 0], zeros: [false, true, true, true] },
  { name: "utf-16be", mark: [0xfe, 0xff], zeros: [true, false] },
  { name: "utf-16le", mark: [0xff, 0xfe], zeros: [false, true] },
] as const;

/**
 * The text of JSON that came as bytes, as any parser may read it: some guess the encoding (Python's `json.loads`), and
 * what is no UTF-8 becomes U+FFFD in most languages.
 */
export function decodeJsonText(bytes: Buffer): string {
  const found = encodings.find(
    ({ mark, zeros }) =>
      mark.every((byte, at) => bytes[at] === byte) ||
      (bytes.length >= zeros.length && zeros.every((zero, at) => (bytes[at] === 0) === zero)),
  );
  if (found === undefined) return new TextDecoder().decode(bytes);
  if (found.name === "utf-32be" || found.name === "utf-32le") return readUtf32(bytes, found.name);
  return new TextDecoder(found.name).decode(bytes);
}

function readUtf32(bytes: Buffer, encoding: "utf-32be" | "utf-32le"): string {
  let text = "";
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const code = encoding === "utf-32be" ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    if (at > 0 || code !== 0xfeff) text += code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
  }
  return text;
}
