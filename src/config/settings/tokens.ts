import { z } from "zod";
import {
  algorithms,
  audience,
  claimNames,
  credentialSource,
  file,
  headerName,
  isSecureUrl,
  tokenKey,
} from "./fields.ts";
import { about, duration, flag, group, list, origin, text, url, whole } from "./readers.ts";

/** One that means something to HTTP, or that revgate sets by itself, can't be an identity. */
const identityHeader = headerName.refine(
  (name) =>
    !/^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*|host|content-.*|expect|date|cookie|authorization|forwarded|x-forwarded-.*|x-real-ip|x-request-id)$/i.test(
      name.replaceAll("_", "-"),
    ),
  "expected a header of your own, such as x-user-id",
);

const issuer = group({
  issuer: about("The iss of its tokens.", text("an issuer")),
  audience: about("The audience of its tokens; one, or a list.", audience.optional()),
  algorithms,
  keys: about(
    "The keys that verify them.",
    list(tokenKey, "keys").min(1, "expected at least one key"),
  ),
  ...claimNames,
});

const jwks = group({
  refresh: about("Interval between fetches.", duration("10m", "1s", "1d")),
  coolDown: about(
    "Min time from the end of a fetch caused by a request's unknown kid to the next such fetch.",
    duration("10s", "100ms", "1h"),
    {
      why: "Identity providers' events and operators' commands are exempt: they wait for a fetch of their own, at most one a second.",
    },
  ),
  timeout: about("Max time of a fetch.", duration("5s", "10ms", "1m")),
  maxAge: about(
    "Max age of a key set that can't be fetched again; then its keys are dropped, and its issuer's tokens get 503.",
    duration("1d", "1s", "20d"),
    {
      why: "A key that its issuer has withdrawn must not stay valid for as long as an attacker blocks the fetches.",
    },
  ),
  maxBytes: about("Max size of a key set.", whole(262_144, 1024, 10_485_760, "bytes")),
  proxy: about(
    "The proxy that key sets are fetched through, such as ${HTTPS_PROXY}; for https: by CONNECT.",
    origin(["http:", "https:"], "http://proxy.internal:3128").optional(),
    { example: "http://proxy.internal:3128" },
  ),
});

const introspection = group({
  url: about(
    "The issuer's introspection endpoint (RFC 7662): https:, or http: on this machine.",
    url(isSecureUrl, "https: (or http: on this machine)"),
  ),
  clientId: about("The client as which revgate asks.", text("the id of a client")),
  clientSecretFile: about("Its secret.", file),
  cacheFor: about(
    "How long an answer holds; what the issuer revokes is noticed that much later.",
    duration("10s", "1s", "5m"),
    { why: "What is revoked here is refused at once." },
  ),
  timeout: about("Max time of a question.", duration("3s", "10ms", "1m")),
});

/** The tokens that the application hands out. */
export const tokens = about(
  "The tokens that the application hands out.",
  group({
    from: about(
      "Where clients send tokens, in order. If two sources carry different tokens, the request is refused; revgate never chooses.",
      list(credentialSource, "sources")
        .min(1, "expected at least one source")
        .default([{ header: "token" }]),
      {
        why: "Also: { header: authorization, scheme: Bearer }, { cookie: session }, { query: access_token } and { webSocketProtocol: bearer }. List a header with and without scheme if clients send either.",
      },
    ),
    algorithms,
    keys: about(
      "The keys that verify them.",
      list(tokenKey, "keys").min(1, "expected at least one key"),
      {
        why: "Public keys or certificates in PEM, shared secrets with secretFile, key sets with jwksFile, and key sets that an issuer publishes (its jwks_uri). Files and sets may change while revgate runs; if they become unusable, the last usable keys stay.",
        example: [{ publicKeyFile: "jwt-public.pem" }],
        moreExamples: [
          { publicKeyFile: "jwt-public-2026.pem", kid: "key-2026" },
          { secretFile: "hs256-secret.txt" },
          { jwksFile: "jwks.json" },
          { jwksUrl: "https://id.example.com/jwks" },
          { insecureJwksUrl: "http://id.internal/jwks" },
        ],
      },
    ),
    issuer: about("If set, tokens of any other issuer are refused.", text("an issuer").optional(), {
      example: "https://id.example.com",
    }),
    audience: about(
      "If set, tokens for any other audience are refused; one, or a list of which a token must name one.",
      audience.optional(),
      { example: "shop" },
    ),
    issuers: about(
      "More issuers, each with its own keys, audience and algorithms.",
      list(issuer, "issuers").prefault([]),
      {
        why: "Subjects of different issuers are different, even if they have the same name.",
        moreExamples: [
          {
            issuer: "https://other.example.com",
            audience: "shop",
            algorithms: ["RS256"],
            keys: [{ jwksUrl: "https://other.example.com/jwks" }],
          },
        ],
      },
    ),
    jwks: about(
      "How published key sets are fetched.",
      jwks.prefault({}).refine(({ refresh, maxAge }) => maxAge > refresh, {
        message: "expected maxAge to be longer than refresh",
        path: ["maxAge"],
      }),
    ),
    introspection: about(
      "Asks the issuer about tokens that are no JWTs.",
      introspection.optional(),
      {
        why: "For opaque access tokens. They need exp in the issuer's answer, and iat where JWTs do. If the issuer does not answer, such a token gets 503. JWTs are never asked about.",
        example: {
          url: "https://id.example.com/introspect",
          clientId: "revgate",
          clientSecretFile: "introspection-secret.txt",
        },
      },
    ),
    subjectClaim: about(
      "The claim that names the subject, for revoke: subject.",
      claimNames.subjectClaim.default("sub"),
      {
        why: "A JSON Pointer (/user/id) reads nested objects. Whole numbers count as their decimal text. Tokens without a subject are refused on routes with revoke: subject. An issuer or a key may name another claim.",
      },
    ),
    sessionClaim: about(
      "The claim that names the session, for logouts at an identity provider.",
      claimNames.sessionClaim.default("sid"),
      { why: "A JSON Pointer works here too." },
    ),
    forwardClaims: about(
      "Headers that pass verified claims to the application, such as { sub: x-user-id } or { /user/id: x-user-id }. Clients' own copies are dropped, on every route.",
      z
        .record(z.string(), identityHeader, {
          error: "expected claims and the names of their headers",
        })
        .default({}),
      {
        why: "Values beyond printable ASCII are percent-encoded. With several issuers, forward iss as well: subjects of two may have one name.",
      },
    ),
    forwardCredential: about("Whether the application receives the token itself.", flag(true), {
      why: "With false, the headers, cookies, query fields and subprotocols of tokens.from are removed from every request.",
    }),
    clockTolerance: about(
      "Max difference between clocks, for exp and nbf; revocations are kept that much longer.",
      duration("5s", "0s", "5m"),
    ),
    maxLifetime: about(
      "Tokens that live longer are refused: revgate must be able to remember a revocation for as long as the token lives.",
      duration("30d", "1s", "3650d"),
    ),
    cacheEntries: about(
      "Max number of verified tokens kept, by hash, so that each signature is checked once.",
      whole(10_000, 1, 1_000_000, "tokens"),
      { why: "About 400 bytes each." },
    ),
  }),
);
