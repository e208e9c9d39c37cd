import { valueAt } from "../http/json-pointer.ts";

/** Which claims say whose a token is, and of which session: names, or JSON Pointers (`/user/id`). */
export interface ClaimNames {
  readonly subjectClaim?: string | undefined;
  readonly sessionClaim?: string | undefined;
}

/** The value of a claim, by its name or, if that begins with a slash, by JSON Pointer. */
export function claimAt(claims: Readonly<Record<string, unknown>>, claim: string): unknown {
  if (claim.startsWith("/")) return valueAt(claims, claim);
  return Object.hasOwn(claims, claim) ? claims[claim] : undefined;
}

/**
 * The text by which a claim names a subject; undefined if it names none.
 *
 * A whole number is named by its decimal text: `42` and `"42"` are one on purpose, since one application
 * writes both. Of whole numbers beyond 2^53 readJson keeps the digits; any other number, a list, an object,
 * a truth value or an empty text name no subject.
 */
export function claimText(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  // Through zero, which has two signs.
  return Number.isSafeInteger(value) ? String(Number(value) + 0) : undefined;
}

/** Names the shape of a claim that names no subject, for people. */
export function shapeOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (value === "") return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number") return "a number that is no whole one, or too large";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
