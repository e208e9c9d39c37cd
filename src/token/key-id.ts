/** Far longer than the id of any key. */
const maxKeyIdChars = 1024;

/** Whether a `kid` (RFC 7515 section 4.1.4) can be kept while its key is looked for: it is short, and no list or object. */
export function isKeyId(kid: unknown): boolean {
  if (typeof kid === "string") return kid.length <= maxKeyIdChars;
  return typeof kid !== "object" || kid === null;
}
