import type { FurtherToken, NamedSubject, RouteRule, SubjectSource } from "../gateway/route.ts";
import type { BodySource } from "../http/body-fields.ts";
import { spelledWithHyphens } from "../http/field-lines.ts";
import type { Lifetimes } from "../revocation/entries.ts";
import type { CredentialSource } from "../token/credential.ts";
import type { RequestHeaderOptions } from "../upstream/request-headers.ts";
import { namespacesOf } from "./issuers.ts";
import type { Settings } from "./schema.ts";
import { successOf } from "./settings/success.ts";

/** A source of credentials as the configuration has it. */
interface SourceSettings {
  readonly header?: string | undefined;
  readonly scheme?: string | undefined;
  readonly cookie?: string | undefined;
  readonly requestJson?: string | undefined;
  readonly form?: string | undefined;
}

/** For how long tokens live, in seconds. */
export function lifetimesOf(settings: Settings): Lifetimes {
  const { tokens } = settings;
  return {
    undated: !requiresIssuedAt(settings),
    clockToleranceSeconds: tokens.clockTolerance / 1000,
    maxLifetimeSeconds: tokens.maxLifetime / 1000,
  };
}

/**
 * Whether tokens must say when they were issued: where a session, a subject or a `jti` can be ended by
 * anybody but the operator's own command, the revocation is forgotten after `tokens.maxLifetime`, and a token
 * without `iat` may be older than that.
 */
export function requiresIssuedAt({ routes, signals, admin, denylist }: Settings): boolean {
  return (
    routes.some(({ revoke }) => revoke === "subject") ||
    signals.backchannelLogout.length + signals.transmitters.length > 0 ||
    admin.tokenFile !== undefined ||
    denylist.redis !== undefined
  );
}

/** The sources of credentials that hold for all routes, in the form the token layer reads them. */
export function credentialSources({ tokens }: Settings): CredentialSource[] {
  return tokens.from.map(sourceOf);
}

/** The names of all headers that carry credentials, in lower case. */
export function credentialHeaders(settings: Settings): string[] {
  const particular = routeRules(settings).flatMap(({ from = [], alsoRevoke = [] }) => [
    ...from,
    ...alsoRevoke.map(({ source }) => source),
  ]);
  const sources = [...credentialSources(settings), ...particular];
  const names = sources.flatMap((source) => {
    if (source.kind === "cookie") return ["cookie"];
    return source.kind === "header" ? [source.name] : [];
  });
  return [...new Set(names)];
}

/** Which headers of a request the application is not to see as the client sent them. */
export function guardedHeaders(
  settings: Settings,
): Pick<RequestHeaderOptions, "credentialHeaders" | "ownHeaders" | "withheld"> {
  const { forwardClaims, forwardCredential } = settings.tokens;
  const sources = credentialSources(settings);
  const named = (kind: "header" | "cookie") =>
    sources.flatMap((source) => (source.kind === kind ? [source.name] : []));
  const lower = Object.values(forwardClaims).map((name) => name.toLowerCase());
  return {
    credentialHeaders: credentialHeaders(settings),
    ownHeaders: new Set(lower.map(spelledWithHyphens)),
    withheld: forwardCredential
      ? undefined
      : {
          headers: new Set(named("header").map(spelledWithHyphens)),
          cookies: new Set(named("cookie")),
        },
  };
}

/** The route rules, in the form the gateway compiles. */
export function routeRules({ routes, tokens }: Settings): RouteRule[] {
  const namespaces = namespacesOf(tokens);
  return routes.map((rule) => ({
    path: rule.path,
    methods: rule.methods,
    access: rule.access,
    revoke: rule.revoke,
    success: rule.success && successOf(rule.success),
    alsoRevoke: rule.alsoRevoke?.map(
      ({ lifetime, ...source }): FurtherToken => ({
        source: sourceOf(source),
        lifetimeSeconds: lifetime / 1000,
      }),
    ),
    subjectsFrom: rule.subjectFrom && [subjectOf(rule.subjectFrom, namespaces)],
    from: rule.from?.map(sourceOf),
    opaqueLifetimeSeconds: rule.tokens === "opaque" ? tokens.maxLifetime / 1000 : undefined,
    expired: rule.expired,
    revoked: rule.revoked,
    streams: rule.stream,
  }));
}

function sourceOf(settings: SourceSettings): CredentialSource {
  const { header = "", scheme, cookie } = settings;
  if (cookie !== undefined) return { kind: "cookie", name: cookie };
  return (
    bodySourceOf(settings) ?? {
      kind: "header",
      name: header.toLowerCase(),
      scheme: scheme?.toLowerCase(),
    }
  );
}

function bodySourceOf({ requestJson, form }: SourceSettings): BodySource | undefined {
  if (requestJson !== undefined) return { kind: "json", pointer: requestJson };
  return form === undefined ? undefined : { kind: "form", name: form };
}

type SubjectSettings = NonNullable<Settings["routes"][number]["subjectFrom"]>;

function subjectOf(
  settings: SubjectSettings,
  namespaces: ReadonlyMap<string | undefined, string | undefined>,
): NamedSubject {
  const { issuer, responseHeader = "", responseJson } = settings;
  const inResponse: SubjectSource =
    responseJson === undefined
      ? { kind: "responseHeader", name: responseHeader.toLowerCase() }
      : { kind: "responseJson", pointer: responseJson };
  return {
    source: bodySourceOf(settings) ?? inResponse,
    namespace: namespaces.get(issuer),
    ifUnknown: settings.onUnknownOutcome ?? "keep",
  };
}
