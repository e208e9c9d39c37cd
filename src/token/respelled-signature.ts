/** Two parts of base64url, and what follows: an application reads it up to the next dot. */
const threeParts = /([\w-]+\.[\w-]+)\.([^.]*)/;
/** No signature of the algorithms that revgate knows has more characters (RSA of 16,384 bits). */
const maxSignature = 4096;

/** What decoders of base64 leave out: all that is in neither alphabet, or in theirs (PHP's). */
const foreign = [/[^\w+/-]+/g, /[^A-Za-z0-9+/]+/g];
/** Where they stop: not at all, at the first padding (Node's), or where it completes four characters (Python's). */
const ends: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.replace(/=.*$/s, ""),
  (text) => text.replace(/(=[^\w+/=-]*=).*$/s, "$1"),
];

/**
 * The compact JWS that a text may be to an application whose decoder is more lenient than revgate's, spelled as revgate
 * reads it. A client can change the spelling of the signature and what stands around the token; it can't change the
 * two other parts, whose spelling is what was signed.
 */
export function canonicalSpellings(text: string): readonly string[] {
  const [, signingInput, sent = ""] = threeParts.exec(text) ?? [];
  if (signingInput === undefined || sent.length > maxSignature) return [];
  const read = ends.flatMap((end) => foreign.map((each) => end(sent).replace(each, "")));
  const spellings = new Set(read.map((signature) => `${signingInput}.${canonical(signature)}`));
  spellings.delete(text);
  return [...spellings];
}

/** Without what is no whole byte, in one alphabet. */
function canonical(digits: string): string {
  return Buffer.from(digits, "base64url").toString("base64url");
}
