/** A compact JWS (RFC 7515 section 7.1) taken apart; nothing in it has been verified. */
export interface CompactJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
  /** `header.payload` as sent: what the signature covers. */
  readonly signingInput: string;
}

const base64urlText = /^[A-Za-z0-9_-]+$/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Takes a compact JWS apart, or returns undefined where its text is not exactly one.
 *
 * Stricter than most decoders on purpose: padding, white space, characters outside the base64url
 * alphabet and spare bits that are not zero (RFC 4648 section 3.5) are refused, so that one token has
 * one spelling. Header and payload must be JSON objects in UTF-8.
 */
export function parseCompactJws(text: string): CompactJws | undefined {
  const [encodedHeader, encodedPayload, encodedSignature, ...more] = text.split(".");
  if (encodedHeader === undefined || encodedPayload === undefined) return undefined;
  if (encodedSignature === undefined || more.length > 0) return undefined;

  const header = parseObject(encodedHeader);
  if (header === undefined) return undefined;
  const payload = parseObject(encodedPayload);
  if (payload === undefined) return undefined;
  if (decodeCanonical(encodedSignature) === undefined) return undefined;

  return { header, payload, signingInput: `${encodedHeader}.${encodedPayload}` };
}

function parseObject(encoded: string): Record<string, unknown> | undefined {
  const bytes = decodeCanonical(encoded);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function decodeCanonical(encoded: string): Buffer | undefined {
  if (!base64urlText.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, "base64url");
  return bytes.toString("base64url") === encoded ? bytes : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
