import type { FieldLines } from "../http/field-lines.ts";
import { claimAt } from "./claims.ts";

/** The longest value that is handed on, in bytes. */
const maxBytes = 1024;
/** What stands in a header as it is (RFC 9110 section 5.5); `%` is what the rest is written with. */
const plain = /^[!-$&-~](?:[ !-$&-~]*[!-$&-~])?$/;

/**
 * The headers by which the application is told some claims of a verified token.
 * `forwardClaims` names the header of each claim, which may be a JSON Pointer (`/user/id`).
 *
 * Text, numbers and truth values are written as they are, lists with commas between, anything else as
 * JSON. What is not printable ASCII, `%`, a comma within a list's item and white space at the ends are
 * percent-encoded as UTF-8 (as encodeURIComponent does), so that nothing can end the line or be taken for
 * another value. A claim that is missing, empty or too long has no header: the application sees no user
 * rather than another one.
 */
export function claimHeaders(
  claims: Readonly<Record<string, unknown>>,
  forwardClaims: ReadonlyMap<string, string>,
): FieldLines {
  const headers: string[] = [];
  for (const [claim, header] of forwardClaims) {
    const value = textOf(claimAt(claims, claim));
    if (value !== "" && value.length <= maxBytes) headers.push(header, value);
  }
  return headers;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) {
    const items = value.map((item) => encode(scalarText(item)).replaceAll(",", "%2C"));
    return items.join(",");
  }
  return encode(scalarText(value));
}

function scalarText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  return JSON.stringify(value);
}

function encode(text: string): string {
  if (text === "" || plain.test(text)) return text;
  // Half of a surrogate pair is no character: encodeURIComponent would throw.
  const whole = Buffer.from(text).toString();
  const encoded = whole.replace(/[^ -~]|%/gu, (character) => encodeURIComponent(character));
  // From where spaces begin: from each of them anew would be quadratic.
  return encoded.replace(/^ +|(?<! ) +$/g, (spaces) => "%20".repeat(spaces.length));
}
