import { readJson } from "../http/json.ts";
import { hasRepeatedMember } from "../http/repeated-members.ts";
import { isKeyId } from "./key-id.ts";

/** A compact JWS (RFC 7515 section 7.1) taken apart; nothing in it has been verified. */
export interface CompactJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
  /** `header.payload` as sent: what the signature covers. */
  readonly signingInput: string;
}

/** Claims and header parameters are members of the outermost object, and their names have one letter case. */
const claims = { outermostOnly: true, anyCase: false };
const base64urlText = /^[A-Za-z0-9_-]+$/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Takes a compact JWS apart, or returns undefined where its text is not exactly one.
 *
 * Stricter than most decoders on purpose: padding, white space, characters outside the base64url
 * alphabet and spare bits that are not zero (RFC 4648 section 3.5) are refused, so that one token has
 * one spelling. Header and payload must be JSON objects in UTF-8 without a member given twice
 * (RFC 7515 section 4, RFC 7519 section 4): parsers disagree on which of the two counts. Their depth is
 * bounded (see readJson), since their signature has not been checked yet, and that of `kid` and its length.
 */
export function parseCompactJws(text: string): CompactJws | undefined {
  if (!hasThreeParts(text)) return undefined;
  const [encodedHeader = "", encodedPayload = "", encodedSignature = ""] = text.split(".");
  // First what costs least: most of what is sent in error fails here.
  if (decodeCanonical(encodedSignature) === undefined) return undefined;

  const header = parseObject(encodedHeader);
  if (header === undefined || !isKeyId(header["kid"])) return undefined;
  const payload = parseObject(encodedPayload);
  if (payload === undefined) return undefined;

  return { header, payload, signingInput: `${encodedHeader}.${encodedPayload}` };
}

/** Whether a text is cut in three by dots; all that a compact JWS is asked for before anything is read. */
export function hasThreeParts(text: string): boolean {
  const first = text.indexOf(".");
  const second = text.indexOf(".", first + 1);
  return first !== -1 && second !== -1 && text.indexOf(".", second + 1) === -1;
}

function parseObject(encoded: string): Record<string, unknown> | undefined {
  const bytes = decodeCanonical(encoded);
  if (bytes === undefined) return undefined;
  try {
    const text = utf8.decode(bytes);
    const value = readJson(text);
    return isObject(value) && !hasRepeatedMember(text, claims) ? value : undefined;
  } catch {
    return undefined;
  }
}

function decodeCanonical(encoded: string): Buffer | undefined {
  if (!base64urlText.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, "base64url");
  return bytes.toString("base64url") === encoded ? bytes : undefined;
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
