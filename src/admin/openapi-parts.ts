import { revocationKinds } from "../denylist/denylist.ts";

/** The body of a failure. */
export const error = {
  type: "object",
  required: ["error"],
  properties: { error: { type: "string" }, error_description: { type: "string" } },
} as const;

/** A body of JSON. */
export const json = (schema: object) => ({ content: { "application/json": { schema } } });

/** RFC 8935 section 2.3. */
export const eventError = {
  type: "object",
  required: ["err", "description"],
  properties: { err: { type: "string" }, description: { type: "string" } },
} as const;

/** The answers that every operation may give. */
export const failures = {
  "400": { description: "The request is malformed.", ...json(error) },
  "401": { description: "The bearer secret is missing or wrong.", ...json(error) },
  "421": { description: "The Host is not one of the listener's; see admin.hosts.", ...json(error) },
  "413": { description: "The body is longer than 64 KB.", ...json(error) },
  "415": { description: "The body is of another type.", ...json(error) },
  "429": { description: "Too many requests; see Retry-After.", ...json(error) },
  "503": {
    description:
      "Recorded but not in force everywhere yet, or the answer is not available now; see Retry-After.",
    ...json(error),
  },
} as const;

/** All but those members. */
export function without<Part extends object, Name extends keyof Part>(
  whole: Part,
  ...names: Name[]
): Omit<Part, Name> {
  const kept = Object.entries(whole).filter(([name]) => !names.includes(name as Name));
  return Object.fromEntries(kept) as Omit<Part, Name>;
}

/** The body of a request about one token. */
export const token = {
  required: true,
  content: {
    "application/x-www-form-urlencoded": {
      schema: {
        type: "object",
        required: ["token"],
        properties: {
          token: { type: "string" },
          token_type_hint: {
            type: "string",
            description:
              "refresh_token: a token that is not a JWT of a known issuer is revoked by its text.",
          },
        },
      },
    },
  },
} as const;

/** What is in force. */
export const revocation = {
  type: "object",
  required: ["kind", "id", "expiresAt"],
  properties: {
    kind: { enum: revocationKinds },
    id: {
      type: "string",
      description: "A hash of what it names (with denylist.nameKeyFile an HMAC), base64url.",
    },
    expiresAt: { type: "number", description: "When it ends, in seconds since 1970." },
    warning: {
      type: "string",
      description: "Set if the revocation can have ended no token seen since the start; says why.",
    },
    cutoff: {
      type: "number",
      description: "With sub: tokens issued up to this second are revoked.",
    },
  },
} as const;
