import { z } from "zod";
import { unknownOutcomes } from "../denylist/denylist.ts";
import { parseRange } from "../gateway/peer.ts";
import { renderBody } from "../gateway/respond.ts";
import { readTarget } from "../gateway/target.ts";
import { refusalReasons } from "../gateway/verdict.ts";
import { logLevels } from "../observability/logger.ts";
import { requestLogModes } from "../observability/request-log.ts";
import { revocationScopes } from "../revocation/entries.ts";
import { supportedAlgorithms } from "../token/keys/keys.ts";
import { unknownIssuers } from "./issuers.ts";
import { choice, duration, flag, group, list, origin, port, text, url, whole } from "./readers.ts";
import { redisSchema } from "./redis.ts";

const headerName = text("the name of a header").regex(
  /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/,
  "expected the name of a header (RFC 9110 section 5.1)",
);

/** One that means something to HTTP, or that revgate sets by itself, can't be an identity. */
const identityHeader = headerName.refine(
  (name) =>
    !/^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*|host|content-.*|expect|date|cookie|authorization|forwarded|x-forwarded-.*|x-real-ip|x-request-id)$/i.test(
      name.replaceAll("_", "-"),
    ),
  "expected a header of your own, such as x-user-id",
);

const file = text("the path of a file");

const tls = group({ certFile: file, keyFile: file });

const addressRange = text("an IP address or a CIDR range").refine(
  isRange,
  'expected an IP address or a CIDR range, such as "10.0.0.0/8"',
);

/** RFC 6901; the whole document is no token and no subject. */
const jsonPointer = text("a JSON Pointer").regex(
  /^(?:\/(?:[^~/]|~[01])*)+$/,
  'expected a JSON Pointer, such as "/user/id" (RFC 6901)',
);

const sourceSettings = {
  header: headerName.optional(),
  scheme: text("an authentication scheme")
    .regex(/^[\w!#$%&'*+.^`|~-]+$/)
    .optional(),
  cookie: text("the name of a cookie").optional(),
};

/** What of a message's body a rule may look for. */
const bodySettings = {
  requestJson: jsonPointer.optional(),
  form: text("the name of a field").optional(),
};

const inHead = ["header", "cookie"] as const;
const inRequest = [...inHead, "requestJson", "form"] as const;

const credentialSource = group(sourceSettings).superRefine(checkSource(inHead));
const routeSource = group({ ...sourceSettings, ...bodySettings }).superRefine(
  checkSource(inRequest),
);
const furtherToken = group({
  ...sourceSettings,
  ...bodySettings,
  lifetime: duration("30d", "1s", "3650d"),
}).superRefine(checkSource(inRequest));

const subjectSource = group({
  ...bodySettings,
  responseJson: jsonPointer.optional(),
  responseHeader: headerName.optional(),
  issuer: text("an issuer").optional(),
}).superRefine(checkPlace(["requestJson", "form", "responseJson", "responseHeader"]));

type Check = (settings: Readonly<Record<string, unknown>>, context: z.RefinementCtx) => void;

/** Exactly one of these settings. */
function checkPlace(places: readonly string[]): Check {
  return (settings, context) => {
    if (places.filter((place) => settings[place] !== undefined).length === 1) return;
    context.addIssue({ code: "custom", message: `expected one of ${places.join(", ")}` });
  };
}

function checkSource(places: readonly string[]): Check {
  return (settings, context) => {
    checkPlace(places)(settings, context);
    if (settings["scheme"] !== undefined && settings["header"] === undefined) {
      context.addIssue({ code: "custom", message: "expected scheme only beside header" });
    }
  };
}

const key = group({
  publicKeyFile: file.optional(),
  secretFile: file.optional(),
  jwksUrl: url(isSecureUrl, "https: (or http: on this machine)").optional(),
  insecureJwksUrl: url(() => true, "http: or https:").optional(),
  kid: text("a key id").optional(),
}).superRefine(({ kid, ...sources }, context) => {
  const named = Object.values(sources).filter((source) => source !== undefined);
  if (named.length !== 1) {
    const message = "expected either publicKeyFile, secretFile or jwksUrl";
    context.addIssue({ code: "custom", message });
  }
  const isSet = sources.jwksUrl !== undefined || sources.insecureJwksUrl !== undefined;
  if (kid !== undefined && isSet) {
    const message = "expected no kid beside a key set, which names its keys itself";
    context.addIssue({ code: "custom", message, path: ["kid"] });
  }
});

const algorithms = list(choice(supportedAlgorithms), "algorithms")
  .min(1, "expected at least one algorithm")
  .default(["RS256"]);

const issuer = group({
  issuer: text("an issuer"),
  audience: text("an audience").optional(),
  algorithms,
  keys: list(key, "keys").min(1, "expected at least one key"),
});

/** What a logout at the identity provider ends here. */
const ends = choice(["subject", "session"]).default("subject");

const route = group({
  path: text("a path").refine(
    isPattern,
    'expected a path in canonical form, such as "/login", with "*" only as a whole segment',
  ),
  methods: list(text("a method").regex(/^[A-Z]+$/, "expected a method in upper case"), "methods")
    .min(1, "expected at least one method; leave methods out for all")
    .optional(),
  access: choice(["public", "protected"]).default("protected"),
  revoke: choice(revocationScopes).optional(),
  alsoRevoke: list(furtherToken, "sources").optional(),
  subjectFrom: subjectSource.optional(),
  from: list(routeSource, "sources").min(1, "expected at least one source").optional(),
  tokens: choice(["jwt", "opaque"]).optional(),
  expired: choice(["refuse", "forward"]).optional(),
  revoked: choice(["refuse", "forward"]).optional(),
}).superRefine(checkRoute);

type RouteSetting =
  | "revoke"
  | "alsoRevoke"
  | "subjectFrom"
  | "from"
  | "tokens"
  | "expired"
  | "revoked";

/** Settings that mean nothing without another one are mistakes. */
function checkRoute(
  rule: { readonly [setting in RouteSetting]?: unknown },
  context: z.RefinementCtx,
): void {
  const needs = (setting: RouteSetting, other: "revoke" | "from", why: string) => {
    if (rule[setting] === undefined || rule[other] !== undefined) return;
    const message = `expected ${other} beside it: ${why}`;
    context.addIssue({ code: "custom", message, path: [setting] });
  };
  needs("alsoRevoke", "revoke", "it says what else a revoking route revokes");
  needs("expired", "revoke", "only a route that revokes may be reached with an expired token");
  needs("revoked", "revoke", "only a route that revokes may be reached with a revoked token");
  if (rule["subjectFrom"] !== undefined && rule["revoke"] !== "subject") {
    const message = "expected revoke: subject beside it: it says whose tokens end";
    context.addIssue({ code: "custom", message, path: ["subjectFrom"] });
  }
  needs("tokens", "from", "opaque tokens are sent elsewhere than the application's own");
}

const reasons = Object.fromEntries(
  refusalReasons.map((reason) => [reason, text("a text").optional()]),
) as Record<(typeof refusalReasons)[number], z.ZodOptional<z.ZodString>>;

const standardBody = '{"error":${error},"message":${message}}';

/** Every setting: how it is read, its default, its unit. config.example.yaml is this table in words. */
export const configSchema = group({
  listen: group({
    host: text("an address to listen on").default("0.0.0.0"),
    port: port(8080),
    tls: tls.optional(),
    trustedProxies: list(addressRange, "addresses or ranges").default([]),
  }).prefault({}),
  upstream: group({
    url: origin(["http:", "https:"], "http://127.0.0.1:3000").prefault("http://127.0.0.1:3000"),
    caFile: file.optional(),
    connectTimeout: duration("2s", "10ms", "5m"),
    responseTimeout: duration("60s", "10ms", "1h"),
    maxConnections: whole(512, 1, 65_535, "connections"),
  }).prefault({}),
  tokens: group({
    from: list(credentialSource, "sources")
      .min(1, "expected at least one source")
      .default([{ header: "token" }]),
    algorithms,
    keys: list(key, "keys").min(1, "expected at least one key"),
    issuer: text("an issuer").optional(),
    audience: text("an audience").optional(),
    issuers: list(issuer, "issuers").default([]),
    jwks: group({
      refresh: duration("10m", "1s", "1d"),
      coolDown: duration("10s", "100ms", "1h"),
      timeout: duration("5s", "10ms", "1m"),
      maxBytes: whole(262_144, 1024, 10_485_760, "bytes"),
    }).prefault({}),
    subjectClaim: text("the name of a claim").default("sub"),
    forwardClaims: z
      .record(z.string(), identityHeader, {
        error: "expected claims and the names of their headers",
      })
      .default({}),
    forwardCredential: flag(true),
    clockTolerance: duration("5s", "0s", "5m"),
    maxLifetime: duration("30d", "1s", "3650d"),
    cacheEntries: whole(10_000, 1, 1_000_000, "tokens"),
  }),
  target: group({ allowEncodedSlash: flag(false) }).prefault({}),
  routes: list(route, "route rules").default([]),
  signals: group({
    backchannelLogout: list(
      group({ issuer: text("an issuer").optional(), audience: text("a client id"), ends }),
      "issuers",
    ).default([]),
    transmitters: list(
      group({
        issuer: text("an issuer"),
        audience: text("an audience"),
        algorithms,
        keys: list(key, "keys").default([]),
        ends,
      }),
      "transmitters",
    ).default([]),
    requestsPerSecond: whole(50, 1, 100_000, "requests"),
  }).prefault({}),
  liveConnections: group({ atExpiry: choice(["cut", "keep"]).default("cut") }).prefault({}),
  denylist: group({
    dataDir: text("the path of a directory").default("/var/lib/revgate"),
    onUnknownOutcome: choice(unknownOutcomes).default("revoke"),
    redis: redisSchema.optional(),
  }).prefault({}),
  admin: group({
    host: text("an address to listen on").default("0.0.0.0"),
    port: port(9090),
    tokenFile: file.optional(),
    requestsPerSecond: whole(50, 1, 100_000, "requests"),
  }).prefault({}),
  errors: group({
    language: choice(["en", "zh"]).default("en"),
    messages: group(reasons).prefault({}),
    body: text("a JSON template")
      .refine(
        isBodyTemplate,
        "expected JSON in which ${error}, ${status} and ${message} stand for values, without quotes around them",
      )
      .default(standardBody),
  }).prefault({}),
  cors: group({
    allowOrigins: list(text("an origin"), "origins").default([]),
    allowHeaders: list(headerName, "headers").default(["content-type", "token"]),
    allowCredentials: flag(false),
    maxAge: duration("10m", "0s", "1d"),
    preflight: choice(["refuse", "forward", "answer"]).default("refuse"),
  }).prefault({}),
  log: group({
    level: choice(logLevels).default("info"),
    requests: choice(requestLogModes).default("denied"),
  }).prefault({}),
  limits: group({
    headerBytes: whole(16_384, 1024, 1_048_576, "bytes"),
    tokenBytes: whole(8192, 256, 1_048_576, "bytes"),
    bodyBytes: whole(65_536, 1024, 1_048_576, "bytes"),
    headersTimeout: duration("10s", "100ms", "5m"),
    requestTimeout: duration("5m", "100ms", "1d"),
    idleTimeout: duration("65s", "100ms", "1h"),
    maxConnections: whole(10_000, 1, 1_000_000, "connections"),
    drainTimeout: duration("20s", "0s", "1h"),
  })
    .prefault({})
    .superRefine(({ headersTimeout, requestTimeout }, context) => {
      if (headersTimeout > requestTimeout) {
        const message =
          "expected headersTimeout to be no longer than requestTimeout, of which it is a part";
        context.addIssue({ code: "custom", message, path: ["headersTimeout"] });
      }
    }),
}).superRefine((settings, context) => {
  for (const { path, message } of unknownIssuers(settings)) {
    context.addIssue({ code: "custom", message, path: [...path] });
  }
});

/** The configuration as read, before its files are. */
export type Settings = z.output<typeof configSchema>;

/** A URL whose answer nobody on the way can change. */
function isSecureUrl({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
}

function isRange(value: string): boolean {
  try {
    parseRange(value);
    return true;
  } catch {
    return false;
  }
}

/** A pattern in another form than the one requests are matched in would never match, or match too much. */
function isPattern(pattern: string): boolean {
  const target = readTarget(pattern, { allowEncodedSlash: false });
  if (target === undefined || target.contested || target.path !== pattern) return false;
  if (pattern.includes("?")) return false;
  return pattern.split("/").every((segment) => segment === "*" || !segment.includes("*"));
}

function isBodyTemplate(body: string): boolean {
  try {
    JSON.parse(renderBody("token_missing", { body, language: "en", messages: {} }));
    return true;
  } catch {
    return false;
  }
}
