import type { Endpoints } from "./endpoint.ts";
import { error, eventError, failures, json, revocation, token, without } from "./openapi-parts.ts";

/** The API of the admin listener in the words of OpenAPI 3.1. */
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
        summary: "Tells whether a token would be accepted, and returns its claims (RFC 7662).",
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
        summary: "Tells for each check whether a token passes it; stores nothing.",
        requestBody: token,
        responses: {
          "200": {
            description: "Whether the token would be accepted on a protected route, and why.",
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
        summary: "Receives a logout token (OpenID Connect Back-Channel Logout 1.0), if configured.",
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
          "200": { description: "The sessions it names have ended, at every sidecar." },
          "400": {
            description: "Not accepted, or it could not be carried out.",
            ...json(error),
          },
          ...without(failures, "400", "401", "503"),
        },
      },
    },
    "/events": {
      post: {
        summary: "Receives a security event (RFC 8935, CAEP, RISC), if configured.",
        security: [],
        requestBody: {
          required: true,
          content: { "application/secevent+jwt": { schema: { type: "string" } } },
        },
        responses: {
          "202": { description: "Accepted; the sessions it names have ended, at every sidecar." },
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
          "Makes clients leave: /readyz answers 503 and every response closes its connection. Requests that still arrive are served.",
        responses: {
          "202": {
            description: "Draining has begun; the number of connections that are left.",
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
    "/sessions": {
      post: {
        summary:
          "Counts what this sidecar has seen of a subject: tokens, sessions, open connections.",
        requestBody: {
          required: true,
          ...json({
            type: "object",
            required: ["subject"],
            properties: {
              subject: { type: ["string", "integer"] },
              issuer: {
                type: "string",
                description: "Required if several issuers are configured.",
              },
            },
          }),
        },
        responses: {
          "200": {
            description:
              "Counts of the tokens that were verified here, are remembered and have not expired; live: not revoked.",
            ...json({
              type: "object",
              required: ["tokens", "sessions", "connections"],
              properties: {
                tokens: {
                  type: "object",
                  required: ["live", "revoked"],
                  properties: { live: { type: "integer" }, revoked: { type: "integer" } },
                },
                sessions: { type: "integer" },
                connections: { type: "integer" },
              },
            }),
          },
          ...without(failures, "503"),
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
              issuer: {
                type: "string",
                description: "Required if several issuers are configured.",
              },
            },
          }),
        },
        responses: {
          "201": {
            description: "The revocation is in force at every sidecar.",
            ...json(revocation),
          },
          ...failures,
        },
      },
      get: {
        summary: "The revocations in force, in no particular order.",
        parameters: [
          { name: "limit", in: "query", schema: { type: "integer", maximum: 1000 } },
          { name: "after", in: "query", schema: { type: "integer" } },
        ],
        responses: {
          "200": {
            description: "One page; next is the value of after for the next page, or null.",
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
