import { namedSegments } from "../gateway/path-pattern.ts";
import {
  endsByCutOff,
  type HandedOutSource,
  type NamedSubject,
  type OtherToken,
  type RouteRule,
  type SparedTokens,
  type SubjectSource,
} from "../gateway/route.ts";
import type { TargetOptions } from "../gateway/target.ts";
import type { BodySource } from "../http/body-fields.ts";
import { spelledWithHyphens } from "../http/field-lines.ts";
import { looselySpelled } from "../http/form-fields.ts";
import { subprotocolHeader } from "../http/subprotocols.ts";
import type { Lifetimes } from "../revocation/entries.ts";
import type { CredentialSource, PathSource } from "../token/credential.ts";
import type { RequestHeaderOptions } from "../upstream/request-headers.ts";
import { namespacesOf } from "./issuers.ts";
import type { Settings } from "./schema.ts";
import { conditionOf } from "./settings/condition.ts";
import { messageTokenOf } from "./settings/first-message.ts";
import { successOf } from "./settings/success.ts";

/** A source of credentials as the configuration has it. */
interface SourceSettings {
  readonly header?: string | undefined;
  readonly scheme?: string | undefined;
  readonly cookie?: string | undefined;
  readonly query?: string | undefined;
  readonly webSocketProtocol?: string | undefined;
  readonly path?: string | undefined;
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
export function requiresIssuedAt(settings: Settings): boolean {
  const { routes, logout, signals, admin, denylist } = settings;
  return (
    logout?.revoke === "subject" ||
    routes.some(({ revoke, only }) => endsByCutOff({ revoke, ...onlyOf({ only }) })) ||
    signals.backchannelLogout.length + signals.transmitters.length > 0 ||
    admin.tokenFile !== undefined ||
    denylist.redis !== undefined
  );
}

/** The sources of credentials that hold for all routes, in the form the token layer reads them. */
export function credentialSources({ tokens }: Settings): CredentialSource[] {
  return sourcesOf(tokens.from);
}

/** The names of all headers that carry credentials, in lower case. */
export function credentialHeaders(settings: Settings): string[] {
  const particular = routeRules(settings).flatMap(({ from = [], alsoRevoke = [], sparing }) => [
    ...from,
    ...(sparing?.sent ?? []),
    ...alsoRevoke.map(({ source }) => source),
  ]);
  const sources = [...credentialSources(settings), ...particular];
  const names = sources.flatMap((source) => {
    if (source.kind === "cookie") return ["cookie"];
    if (source.kind === "webSocketProtocol") return [subprotocolHeader];
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
  const named = (kind: "header" | "cookie" | "query" | "webSocketProtocol") =>
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
          queryFields: new Set(named("query").map(looselySpelled)),
          subprotocols: named("webSocketProtocol"),
        },
  };
}

/** How targets are read: encoded slashes everywhere, or as far as rules allow them. */
export function targetOptions({ target, routes }: Settings): TargetOptions {
  const byRule = routes.some(({ allowEncodedSlash }) => allowEncodedSlash === true);
  return { allowEncodedSlash: target.allowEncodedSlash || (byRule && "by_rule") };
}

/** The route rules, in the form the gateway compiles. */
export function routeRules(settings: Settings): RouteRule[] {
  const { routes, tokens } = settings;
  const namespaces = namespacesOf(tokens);
  const rules = routes.map(
    (rule): RouteRule => ({
      path: rule.path,
      methods: rule.methods,
      access: rule.access,
      revoke: rule.revoke,
      when: conditionOf(rule),
      success: rule.success && successOf(rule.success),
      alsoRevoke: rule.alsoRevoke && otherTokensOf(rule.alsoRevoke, rule.path),
      ...subjectsOf(rule, namespaces),
      from: rule.from && sourcesOf(rule.from, rule.path),
      opaqueLifetimeSeconds: rule.tokens === "opaque" ? tokens.maxLifetime / 1000 : undefined,
      expired: rule.expired,
      revoked: rule.revoked,
      streams: rule.stream,
      refuses: rule.refuse,
      messageToken: rule.firstMessage && messageTokenOf(rule.firstMessage),
      sparing: rule.sparing && sparingOf(rule.sparing, rule.path),
      handsOut: rule.handsOut?.flatMap((source) => handedOutOf(source) ?? []),
      ...onlyOf(rule),
      session: rule.session,
      reused: rule.reused,
      messages: rule.messages,
      allowsEncodedSlash: rule.allowEncodedSlash,
    }),
  );
  return [...rules, ...ownLogout(settings)];
}

/** How many of a user's sessions a login leaves. */
function onlyOf({ only }: Pick<Rule, "only">): Pick<RouteRule, "only" | "maxSessions"> {
  if (only === undefined) return {};
  return only === "latest" ? { only } : { maxSessions: only.latest };
}

/** The rule of a logout that revgate answers itself: the last, after those of `routes`. */
function ownLogout({ logout }: Settings): RouteRule[] {
  if (logout === undefined) return [];
  const { path, revoke, alsoRevoke, clearCookies, redirect } = logout;
  return [
    {
      ...{ path, methods: ["POST"], access: "optional", revoke },
      alsoRevoke: alsoRevoke && otherTokensOf(alsoRevoke, path),
      ...{ expired: "forward", revoked: "forward" },
      answered: { clearCookies, redirect },
    },
  ];
}

function otherTokensOf(settings: NonNullable<Rule["alsoRevoke"]>, pattern: string): OtherToken[] {
  return settings.map(({ lifetime, ...source }) => ({
    source: sourceOf(source, pattern),
    lifetimeSeconds: lifetime / 1000,
  }));
}

/**
 * Sources in the form in which the token layer reads them. One that reads a header without a scheme beside others
 * with one leaves to them what is theirs.
 */
function sourcesOf(settings: readonly SourceSettings[], pattern?: string): CredentialSource[] {
  const sources = settings.map((source) => sourceOf(source, pattern));
  return sources.map((source) => {
    if (source.kind !== "header" || source.scheme !== undefined) return source;
    const except = sources.flatMap((other) =>
      other.kind === "header" && other.name === source.name ? (other.scheme ?? []) : [],
    );
    return except.length === 0 ? source : { ...source, except };
  });
}

function sourceOf(settings: SourceSettings, pattern = ""): CredentialSource {
  const { header = "", cookie, query, webSocketProtocol, path } = settings;
  const scheme = settings.scheme?.toLowerCase();
  if (cookie !== undefined) return { kind: "cookie", name: cookie, scheme };
  if (query !== undefined) return { kind: "query", name: query };
  if (webSocketProtocol !== undefined) {
    return { kind: "webSocketProtocol", name: webSocketProtocol };
  }
  if (path !== undefined) return segmentOf(path, pattern);
  return bodySourceOf(settings) ?? { kind: "header", name: header.toLowerCase(), scheme };
}

function segmentOf(name: string, pattern: string): PathSource {
  const segment = namedSegments(pattern).get(name);
  if (segment === undefined) throw new Error(`${pattern} has no segment {${name}}`);
  return { kind: "path", name, segment };
}

function bodySourceOf({ requestJson, form }: SourceSettings): BodySource | undefined {
  if (requestJson !== undefined) return { kind: "json", pointer: requestJson };
  return form === undefined ? undefined : { kind: "form", name: form };
}

type Rule = Settings["routes"][number];
type SparedSettings = NonNullable<Rule["sparing"]>[number];

function sparingOf(settings: readonly SparedSettings[], pattern: string): SparedTokens {
  const inAnswer = settings.map((source) => handedOutOf(source));
  return {
    sent: sourcesOf(
      settings.filter((_, index) => inAnswer[index] === undefined),
      pattern,
    ),
    handedOut: inAnswer.filter((source) => source !== undefined),
  };
}

/** Where an answer hands a token out; undefined if the setting is of a request's place. */
function handedOutOf({
  responseJson,
  responseHeader,
  responseCookie,
}: Pick<SparedSettings, "responseJson" | "responseHeader" | "responseCookie">):
  | HandedOutSource
  | undefined {
  if (responseJson !== undefined) return { kind: "responseJson", pointer: responseJson };
  if (responseCookie !== undefined) return { kind: "responseCookie", name: responseCookie };
  return responseHeader === undefined
    ? undefined
    : { kind: "responseHeader", name: responseHeader.toLowerCase() };
}

type SubjectSettings = Exclude<NonNullable<Rule["subjectFrom"]>, "carried">;

function subjectsOf(
  { subjectFrom, path }: Rule,
  namespaces: ReadonlyMap<string | undefined, string | undefined>,
): Pick<RouteRule, "subjectsFrom" | "expectsCarried"> {
  if (subjectFrom === undefined) return {};
  if (subjectFrom === "carried") return { expectsCarried: true };
  const { issuer, claim, onUnknownOutcome = "keep" } = subjectFrom;
  const subject: NamedSubject = {
    source: subjectSourceOf(subjectFrom, path),
    claim,
    namespace: namespaces.get(issuer),
    ifUnknown: onUnknownOutcome,
  };
  return { subjectsFrom: [subject] };
}

function subjectSourceOf(settings: SubjectSettings, pattern: string): SubjectSource {
  const { path, query, responseHeader, responseJson } = settings;
  if (path !== undefined) return segmentOf(path, pattern);
  if (query !== undefined) return { kind: "query", name: query };
  if (responseJson !== undefined) return { kind: "responseJson", pointer: responseJson };
  const inBody = bodySourceOf(settings);
  return inBody ?? { kind: "responseHeader", name: (responseHeader ?? "").toLowerCase() };
}
