import { entryKinds } from "../denylist/denylist.ts";
import type { Endpoints } from "./endpoint.ts";

const error = {
  type: "object",
  required: ["error"],
  properties: { error: { type: "string" }, error_description: { type: "string" } },
} as const;

const json = (schema: object) => ({ content: { "application/json": { schema } } });

/** RFC 8935 section 2.3. */
const eventError = {
  type: "object",
  required: ["err", "description"],
  properties: { err: { type: "string" }, description: { type: "string" } },
} as const;

/** The answers that every operation may give. */
const failures = {
  "400": { description: "The request is not one.", ...json(error) },
  "401": { description: "The bearer secret is missing or wrong.", ...json(error) },
  "421": { description: "The Host is not one of the listener's; see admin.hosts.", ...json(error) },
  "413": { description: "The body is longer than 64 KB.", ...json(error) },
  "415": { description: "The body is of another type.", ...json(error) },
  "429": { description: "Too many requests; see Retry-After.", ...json(error) },
  "503": {
    description:
      "Recorded, but not in force everywhere yet, or not to be found out now; see Retry-After.",
    ...json(error),
  },
} as const;

function without<Part extends object, Name extends keyof Part>(
  whole: Part,
  ...names: Name[]
): Omit<Part, Name> {
  const kept = Object.entries(whole).filter(([name]) => !names.includes(name as Name));
  return Object.fromEntries(kept) as Omit<Part, Name>;
}

const token = {
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
              "refresh_token: one that is no JWT of a known issuer's is revoked by its text.",
          },
        },
      },
    },
  },
} as const;

const revocation = {
  type: "object",
  required: ["kind", "id", "expiresAt"],
  properties: {
    kind: { enum: entryKinds },
    id: {
      type: "string",
      description: "A hash of what it names (with denylist.nameKeyFile an HMAC), base64url.",
    },
    expiresAt: { type: "number", description: "Seconds since 1970 until which it is in force." },
    warning: {
      type: "string",
      description: "Set if no token that was seen can have ended by it, and why.",
    },
    cutoff: { type: "number", description: "With sub: tokens issued up to this second are meant." },
  },
} as const;

/* The API of the admin listener in the words of OpenAPI 3.1. */
const openApi = {
  openapi: "3.1.0",
  info: { title: "revgate admin API", version: "1" },
  security: [{ secret: [] }],
  components: { securitySchemes: { secret: { type: "http", scheme: "bearer" } } },
  paths: {
    "/revoke": {
      post: {
        summary: "Revokes a token (RFC 7009).",
        requestBody: token,
        responses: { "200": { description: "It is revoked, or was never valid." }, ...failures },
      },
    },
    "/introspect": {
      post: {
        summary: "Says whether a token would be let through, and what it claims (RFC 7662).",
        requestBody: token,
        responses: {
          "200": {
            description: "What is known of it.",
            ...json({
              type: "object",
              required: ["active"],
              properties: { active: { type: "boolean" } },
            }),
          },
          ...failures,
        },
      },
    },
    "/explain": {
      post: {
        summary: "Says of each check whether a token passes it; remembers nothing.",
        requestBody: token,
        responses: {
          "200": {
            description: "Whether it would be let through on a protected route, and why.",
            ...json({
              type: "object",
              required: ["passes", "checks"],
              properties: {
                passes: { type: "boolean" },
                header: { type: "object" },
                payload: { type: "object" },
                checks: {
                  type: "array",
                  items: {
                    type: "object",
                    required: ["check", "verdict", "detail"],
                    properties: {
                      check: { type: "string" },
                      verdict: { enum: ["passed", "failed", "skipped"] },
                      detail: { type: "string" },
                    },
                  },
                },
              },
            }),
          },
          ...failures,
        },
      },
    },
    "/backchannel-logout": {
      post: {
        summary: "Takes a logout token (OpenID Connect Back-Channel Logout 1.0), where configured.",
        // Its own signature is what it is trusted by.
        security: [],
        requestBody: {
          required: true,
          content: {
            "application/x-www-form-urlencoded": {
              schema: {
                type: "object",
                required: ["logout_token"],
                properties: { logout_token: { type: "string" } },
              },
            },
          },
        },
        responses: {
          "200": { description: "What it names is ended, everywhere." },
          "400": {
            description: "It is not accepted, or could not be carried out.",
            ...json(error),
          },
          ...without(failures, "400", "401", "503"),
        },
      },
    },
    "/events": {
      post: {
        summary: "Takes a security event (RFC 8935, CAEP, RISC), where configured.",
        security: [],
        requestBody: {
          required: true,
          content: { "application/secevent+jwt": { schema: { type: "string" } } },
        },
        responses: {
          "202": { description: "It is accepted; what it ends is ended, everywhere." },
          ...Object.fromEntries(
            Object.entries(without(failures, "401")).map(([status, { description }]) => [
              status,
              { description, ...json(eventError) },
            ]),
          ),
        },
      },
    },
    "/drain": {
      post: {
        summary:
          "Has clients leave: /readyz answers 503, every response closes its connection; what comes all the same is served.",
        responses: {
          "202": {
            description: "It has begun; how many connections are left.",
            ...json({
              type: "object",
              required: ["connections"],
              properties: { connections: { type: "integer" } },
            }),
          },
          ...without(failures, "400", "413", "415", "503"),
        },
      },
    },
    "/revocations": {
      post: {
        summary: "Ends all tokens of a subject or a session, or one token by its jti.",
        requestBody: {
          required: true,
          ...json({
            type: "object",
            properties: {
              subject: { type: ["string", "integer"] },
              sid: { type: "string" },
              jti: { type: "string" },
              issuer: { type: "string", description: "Needed where there are several." },
            },
          }),
        },
        responses: {
          "201": { description: "It is in force everywhere.", ...json(revocation) },
          ...failures,
        },
      },
      get: {
        summary: "What is in force, in no order.",
        parameters: [
          { name: "limit", in: "query", schema: { type: "integer", maximum: 1000 } },
          { name: "after", in: "query", schema: { type: "integer" } },
        ],
        responses: {
          "200": {
            description: "A page of them; next is the after of the next one, or null.",
            ...json({
              type: "object",
              required: ["revocations", "next"],
              properties: {
                revocations: { type: "array", items: revocation },
                next: { type: ["integer", "null"] },
              },
            }),
          },
          ...failures,
        },
      },
    },
  },
} as const;

/** The document, at `GET /openapi.json`. */
export const openApiEndpoints: Endpoints = new Map([
  [
    "GET /openapi.json",
    { hosts: "own", audited: false, answer: () => ({ status: 200, body: openApi }) },
  ],
]);
