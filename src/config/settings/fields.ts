import { z } from "zod";
import { supportedAlgorithms } from "../../token/keys/algorithms.ts";
import { about, choice, duration, group, list, text, url } from "./readers.ts";

/** The name of a header (RFC 9110 section 5.1). */
export const headerName = text("the name of a header").regex(
  /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/,
  "expected the name of a header (RFC 9110 section 5.1)",
);

/** The name of a host, as `Host` is compared: in lower case, without a port. */
export const hostName = text("the name of a host").regex(
  /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/,
  "expected the name of a host in lower case, without a port, such as revgate.example.com",
);

/** The path of a file, relative to the configuration. */
export const file = text("the path of a file");

/** RFC 6901; the whole document is no token and no subject. */
export const jsonPointer = text("a JSON Pointer").regex(
  /^(?:\/(?:[^~/]|~[01])*)+$/,
  'expected a JSON Pointer, such as "/user/id" (RFC 6901)',
);

/** By name, or by JSON Pointer into objects. */
export const claimName = text("the name of a claim").refine(
  (claim) => !claim.startsWith("/") || jsonPointer.safeParse(claim).success,
  'expected the name of a claim, or a JSON Pointer, such as "/user/id" (RFC 6901)',
);

/** Which claims say whose a token is. */
export const claimNames = {
  subjectClaim: about(
    "The claim that names the subject, for revoke: subject; /user/id leads into objects.",
    claimName.optional(),
  ),
  sessionClaim: about(
    "The claim that names the session, for logouts at an identity provider.",
    claimName.optional(),
  ),
};

const keyFields = {
  publicKeyFile: about(
    "Public keys or certificates, PEM; the authorities of a chain are left out.",
    file.optional(),
  ),
  secretFile: about(
    "A shared secret. A final line break is left out if the file is text.",
    file.optional(),
  ),
  insecureShortSecret: about(
    "Accept a secret that is shorter than its algorithm asks for (HS256: 32 bytes), and can be guessed by trying.",
    z.literal(true, { error: "expected true" }).optional(),
  ),
  jwksFile: about("A key set (RFC 7517) in a file.", file.optional()),
  jwksUrl: about(
    "A published key set: https:, or http: on this machine.",
    url(isSecureUrl, "https: (or http: on this machine)").optional(),
  ),
  insecureJwksUrl: about(
    "A published key set, over any http:.",
    url(() => true, "http: or https:").optional(),
  ),
  caFile: about(
    "Certificate authorities for jwksUrl, PEM, besides those that Node trusts.",
    file.optional(),
  ),
  kid: about(
    "The id of the key: tokens with another kid are not checked with it.",
    text("a key id").optional(),
  ),
};

const keyPlaces = [
  "publicKeyFile",
  "secretFile",
  "jwksFile",
  "jwksUrl",
  "insecureJwksUrl",
] as const;

/** Settings of a key that mean something beside certain places alone. */
const beside = {
  kid: ["publicKeyFile", "secretFile"],
  insecureShortSecret: ["secretFile"],
  caFile: ["jwksUrl", "insecureJwksUrl"],
} as const;

/** Exactly one place, and a name for a key that has none of its own. */
const checkKey: Check = (settings, context) => {
  if (keyPlaces.filter((place) => settings[place] !== undefined).length !== 1) {
    const message = "expected either publicKeyFile, secretFile, jwksFile or jwksUrl";
    context.addIssue({ code: "custom", message });
  }
  for (const [setting, allowed] of Object.entries(beside)) {
    if (settings[setting] === undefined) continue;
    if (allowed.some((place) => settings[place] !== undefined)) continue;
    const message = `expected ${setting} only beside ${allowed.join(" or ")}`;
    context.addIssue({ code: "custom", message, path: [setting] });
  }
};

/** A key that verifies events, or a place that publishes keys. */
export const key = group(keyFields).superRefine(checkKey);

/** A key that verifies tokens: one application may have tokens of two kinds. */
export const tokenKey = group({ ...keyFields, ...claimNames }).superRefine(checkKey);

/** Which signatures count. */
export const algorithms = about(
  "Which signatures count; a key serves the algorithms of its own family only.",
  list(choice(supportedAlgorithms), "algorithms")
    .min(1, "expected at least one algorithm")
    .default(["RS256"]),
);

const inHead = {
  header: about("The header that carries it.", headerName.optional()),
  scheme: about(
    "The authentication scheme in front of it in that header or cookie, such as Bearer.",
    text("an authentication scheme")
      .regex(/^[\w!#$%&'*+.^`|~-]+$/)
      .optional(),
  ),
  cookie: about("The cookie that carries it.", text("the name of a cookie").optional()),
  query: about(
    "The field of the query string that carries it; it is never logged.",
    text("the name of a field")
      .refine((name) => !/[[\0]/.test(name), "expected a name without [")
      .optional(),
  ),
  webSocketProtocol: about(
    "The item of Sec-WebSocket-Protocol that it follows (bearer, <token>), or with a dot at its end begins with (bearer.<token>).",
    text("the name of a subprotocol")
      .regex(/^[\w!#$%&'*+.^`|~-]+$/, "expected the name of a subprotocol")
      .optional(),
  ),
};

const segmentName = text("the name of a segment of the rule's path");
/** A place in a rule's own path. */
export const pathField = {
  path: about(
    "The segment of the rule's path that carries it: token for /sessions/{token}. No log shows it.",
    segmentName.optional(),
  ),
};

/** Places in a request's body. */
export const bodyFields = {
  requestJson: about("A JSON Pointer (RFC 6901) into the request's body.", jsonPointer.optional()),
  form: about(
    "A field of the request's form, of either type.",
    text("the name of a field").optional(),
  ),
};

const headPlaces = ["header", "cookie", "query", "webSocketProtocol"] as const;
const requestPlaces = [...headPlaces, "path", "requestJson", "form"] as const;

/** Where a token is sent on any route. */
export const credentialSource = group(inHead).superRefine(checkSource(headPlaces));

/** Where a token is sent on one route. */
export const routeSource = group({ ...inHead, ...pathField, ...bodyFields }).superRefine(
  checkSource(requestPlaces),
);

/** Another token that ends with the first. */
export const otherToken = group({
  ...inHead,
  ...pathField,
  ...bodyFields,
  lifetime: about(
    "How long a token is remembered that is no JWT of the issuer's.",
    duration("30d", "1s", "3650d"),
  ),
}).superRefine(checkSource(requestPlaces));

const answerFields = {
  responseJson: about(
    "A JSON Pointer (RFC 6901) into the application's answer.",
    jsonPointer.optional(),
  ),
  responseHeader: about("A header of the application's answer.", headerName.optional()),
  responseCookie: about(
    "A cookie that the application's answer sets.",
    text("the name of a cookie").optional(),
  ),
};

const answerPlaces = ["responseJson", "responseHeader", "responseCookie"] as const;

/** Where an answer hands a token out. */
export const handedOutToken = group(answerFields).superRefine(checkPlace(answerPlaces));

/** Another token that stays where others end: the request carries it, or the answer hands it out. */
export const sparedToken = group({
  ...inHead,
  ...pathField,
  ...bodyFields,
  ...answerFields,
}).superRefine(checkSource([...requestPlaces, ...answerPlaces]));

type Check = Parameters<ReturnType<typeof group>["superRefine"]>[0];

/** Exactly one of these settings. */
export function checkPlace(places: readonly string[]): Check {
  return (settings, context) => {
    if (places.filter((place) => settings[place] !== undefined).length === 1) return;
    context.addIssue({ code: "custom", message: `expected one of ${places.join(", ")}` });
  };
}

function checkSource(places: readonly string[]): Check {
  return (settings, context) => {
    checkPlace(places)(settings, context);
    if (settings["scheme"] === undefined) return;
    if (settings["header"] !== undefined || settings["cookie"] !== undefined) return;
    context.addIssue({ code: "custom", message: "expected scheme only beside header or cookie" });
  };
}

/** A URL whose answer cannot be changed on its way. */
export function isSecureUrl({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
}

const audienceName = text("an audience");

/** Whom tokens are for: one audience, or any of a list. */
export const audience = z.union([audienceName, list(audienceName, "audiences").min(1)], {
  error: "expected an audience, or a list of audiences",
});
