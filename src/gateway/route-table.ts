import { smallestOf } from "../platform/extremes.ts";
import type { RevocationScope } from "../revocation/entries.ts";
import { isInBody, type Sent } from "../token/credential.ts";
import { asksBody } from "./condition.ts";
import {
  appliesNarrowly,
  type CompiledRule,
  compileRule,
  createMatching,
  type Matching,
} from "./matching.ts";
import { anyMethod } from "./method.ts";
import type { SecretSegments } from "./path-for-log.ts";
import type { Route, RouteRule, SparedTokens } from "./route.ts";
import { any2xx } from "./success.ts";
import type { Target } from "./target.ts";

/** The compiled route rules. */
export interface RouteTable {
  /**
   * Finds what holds for a target, or undefined where frameworks may disagree on whether a public or a
   * revoking rule is meant.
   *
   * `methods` are all that an application might take the request's method to be; `sent` is what conditions are
   * asked of: without it, and as far as it can't be read, they are met.
   */
  find(methods: readonly string[], target: Target, sent?: Sent): Route | undefined;
  /** Which segments of a path may hold tokens; `all` may if the target can't be read. */
  secretSegments(target: Target | undefined): SecretSegments;
  /** Says which rules that rests on, for people. */
  explain(methods: readonly string[], target: Target): RouteGrounds;
}

/** Rules by their position among all. */
export interface RouteGrounds {
  /** The one that decides whether a token is needed; undefined: none does, so one is. */
  readonly access: number | undefined;
  /** Those that revoke, or say where a token is sent. */
  readonly applying: readonly number[];
}

const protectedRoute: Route = { access: "protected", revoke: undefined };
const plainRoutes: Readonly<Record<Route["access"], Route>> = {
  public: { access: "public", revoke: undefined },
  optional: { access: "optional", revoke: undefined },
  protected: protectedRoute,
};

/**
 * Compiles the route rules. What matches no rule is protected.
 *
 * Exemptions match narrowly, everything else widely: a public or optional rule needs the path as written in it and
 * the method in all its readings; a protected rule stands in the way of later public ones, and a
 * revoking rule applies, in any letter case, with or without a trailing slash, and for any reading of
 * the method, because the application's own 2xx decides whether something happened. So does a rule that
 * says where a token is sent. What lets a token pass unseen, expired or revoked is an exemption, and so is what keeps a
 * request from the application.
 */
export function compileRoutes(rules: readonly RouteRule[]): RouteTable {
  const compiled = rules.map(compileRule);
  const matching = createMatching(compiled);
  const { applyingTo, decidingAccess } = matching;
  const streaming = compiled.filter(({ streams }) => streams === true);
  const secret = compiled.filter(({ secretSegments }) => secretSegments.length > 0);

  const findFor: RouteTable["find"] = (methods, target, sent) => {
    if (target.contested) return findContested(matching, methods, target, sent);
    const deciding = decidingAccess(methods, target);
    const access = deciding?.access ?? "protected";
    if (access !== "protected" && isMappedElsewhere(matching, methods, target, sent))
      return undefined;
    const applying = applyingTo(methods, target, sent);
    const streams = streaming.some((rule) => appliesNarrowly(rule, methods, target));
    if (applying.length === 0) {
      return withTokensBy(deciding, methods, target)(plainRoute(access, streams));
    }
    const exact = applying.filter((rule) => appliesNarrowly(rule, methods, target));
    const together = { ...merge(applying), ...(streams && { streams }) };
    const route = { access, ...together, ...exemptions(exact, together) };
    return withTokensBy(deciding, methods, target)(route);
  };

  return {
    find(methods, target, sent) {
      const route = findFor(methods, target, sent);
      const isOpen = route !== undefined && matching.dependsOnBody(methods, target, route.access);
      if (!isOpen) return route;
      // One that was read and has no reading may name any.
      return sent?.body === undefined
        ? { ...route, needsBody: true }
        : findFor([...methods, anyMethod], target, sent);
    },
    secretSegments(target) {
      if (secret.length === 0) return undefined;
      if (target === undefined || target.contested || target.mapped !== undefined) return "all";
      // Whatever the method: what was sent to the wrong one is still a token.
      const meant = secret.filter((rule) => rule.matchesLoosely(target.loose));
      return meant.flatMap(({ secretSegments }) => secretSegments);
    },
    explain: (methods, target) => ({
      access: decidingAccess(methods, target)?.position,
      applying: applyingTo(methods, target).map(({ position }) => position),
    }),
  };
}

/**
 * What the rule that decides about access says of tokens, if the request is meant as it is written there: that they may
 * be ones that revgate can't look into, if they are sent as everywhere; that a WebSocket's first may come in a message.
 */
function withTokensBy(
  deciding: CompiledRule | undefined,
  methods: readonly string[],
  target: Target,
): (route: Route) => Route {
  const { opaqueLifetimeSeconds, messageToken } = deciding ?? {};
  if (deciding === undefined || (opaqueLifetimeSeconds ?? messageToken) === undefined) return same;
  if (!appliesNarrowly(deciding, methods, target)) return same;
  return (route) => ({
    ...route,
    ...(opaqueLifetimeSeconds !== undefined &&
      route.from === undefined && { opaqueLifetimeSeconds }),
    ...(messageToken && target.mapped === undefined && { messageToken, awaitsToken: true }),
  });
}

function same(route: Route): Route {
  return route;
}

/** Servers disagree on the path: it is protected, or undecided if anything else may be meant. */
function findContested(
  matching: Matching,
  methods: readonly string[],
  target: Target,
  sent: Sent | undefined,
): Route | undefined {
  if (matching.applyingTo(methods, target, sent).length > 0) return undefined;
  const allowed = withEncodedSlashes(matching, methods, target);
  if (allowed !== undefined) return plainRoute(allowed, false);
  const isUndecided = target.slashesNeedRule || matching.mayExempt(methods, target);
  return isUndecided ? undefined : protectedRoute;
}

/** What rules that allow encoded slashes say of a path with them, if they say the same by both readings. */
function withEncodedSlashes(
  { decidingAccess }: Matching,
  methods: readonly string[],
  target: Target,
): Route["access"] | undefined {
  if (target.slashesDecoded === undefined) return undefined;
  const inSegments = decidingAccess(methods, target);
  const asSlashes = decidingAccess(methods, { ...target, sent: target.slashesDecoded });
  const isAllowed = inSegments?.allowsEncodedSlash && asSlashes?.allowsEncodedSlash;
  return isAllowed && inSegments?.access === asSlashes?.access ? inSegments?.access : undefined;
}

/** Whether the path is one of another rule to a server that maps its characters to compatible ones. */
function isMappedElsewhere(
  { applyingTo, decidingAccess }: Matching,
  methods: readonly string[],
  target: Target,
  sent: Sent | undefined,
): boolean {
  if (target.mapped === undefined) return false;
  const asSent = { ...target, otherReadings: [] };
  const other = decidingAccess(methods, { ...target, sent: target.mapped });
  return (
    (other !== undefined && other !== decidingAccess(methods, asSent)) ||
    applyingTo(methods, target, sent).length > applyingTo(methods, asSent, sent).length
  );
}

function plainRoute(access: Route["access"], streams: boolean): Route {
  const route = plainRoutes[access];
  return streams ? { ...route, streams } : route;
}

/** What rules say together, all of which may be meant: everything that is revoked by one of them. */
function merge(rules: readonly RouteRule[]): Omit<Route, "access"> {
  const revoke = widestOf(rules.flatMap((rule) => rule.revoke ?? []));
  const alsoRevoke = rules.flatMap((rule) => rule.alsoRevoke ?? []);
  const from = rules.find((rule) => rule.from !== undefined)?.from;
  const subjectsFrom = rules.flatMap((rule) => rule.subjectsFrom ?? []);
  const revoking = rules.filter((rule) => rule.revoke !== undefined);
  // Revocations apply widely: what one of the rules takes for a success is one.
  const success = revoking.some((rule) => rule.success)
    ? revoking.map((rule) => rule.success ?? any2xx)
    : undefined;
  const expectsCarried = rules.some((rule) => rule.expectsCarried);
  const sparing = revoke === "others" ? sparedByAll(rules) : undefined;
  const keepsCarriedToken = rules.every((rule) => !rule.revoke || rule.subjectsFrom);
  const otherSources = [...alsoRevoke.map(({ source }) => source), ...(sparing?.sent ?? [])];
  const read = [...(from ?? []), ...otherSources];
  const needsBody =
    read.some(isInBody) ||
    subjectsFrom.some(({ source }) => isInBody(source)) ||
    rules.some(({ when }) => asksBody(when));
  return {
    revoke,
    ...(success && { success }),
    ...(alsoRevoke.length > 0 && { alsoRevoke }),
    ...(from && { from }),
    ...handedOutBy(rules),
    ...messagesOf(rules),
    ...messageTokenOf(rules),
    ...(sparing && { sparing }),
    ...(subjectsFrom.length > 0 && { subjectsFrom, keepsCarriedToken }),
    ...(expectsCarried && { expectsCarried }),
    ...(needsBody && { needsBody }),
    ...refusedBy(rules),
  };
}

function refusedBy(rules: readonly RouteRule[]): Pick<Route, "refuses"> {
  return rules.some((rule) => rule.refuses) ? { refuses: true } : {};
}

/** The texts of the first that has any. */
function messagesOf(rules: readonly RouteRule[]): Pick<Route, "messages"> {
  const messages = rules.find((rule) => rule.messages)?.messages;
  return messages === undefined ? {} : { messages };
}

/** Where the first that says so has tokens in messages. */
function messageTokenOf(rules: readonly RouteRule[]): Pick<Route, "messageToken"> {
  const messageToken = rules.find((rule) => rule.messageToken)?.messageToken;
  return messageToken === undefined ? {} : { messageToken };
}

function handedOutBy(
  rules: readonly RouteRule[],
): Pick<Route, "handsOut" | "only" | "maxSessions" | "session" | "reused"> {
  const handsOut = rules.flatMap((rule) => rule.handsOut ?? []);
  const only = rules.find((rule) => rule.only)?.only;
  const maxSessions = smallestOf(rules.flatMap((rule) => rule.maxSessions ?? []));
  const session = rules.find((rule) => rule.session)?.session;
  const reused = rules.find((rule) => rule.reused)?.reused;
  return {
    ...(handsOut.length > 0 && { handsOut }),
    ...(only && { only }),
    ...(Number.isFinite(maxSessions) && { maxSessions }),
    ...(session && { session }),
    ...(reused && { reused }),
  };
}

/** What several rules end together: the carried token by one and all others by another are all of them. */
function widestOf(scopes: readonly RevocationScope[]): RevocationScope | undefined {
  const [first, ...more] = new Set(scopes);
  if (more.length === 0) return first;
  return scopes.every((scope) => scope === "token" || scope === "session") ? "session" : "subject";
}

/** What each of the rules that end all others spares. */
function sparedByAll(rules: readonly RouteRule[]): SparedTokens {
  const all = rules.flatMap((rule) => (rule.revoke === "others" ? [rule.sparing] : []));
  const isInAll = (source: unknown) =>
    all.every((sparing) =>
      [...(sparing?.sent ?? []), ...(sparing?.handedOut ?? [])].some(
        (each) => JSON.stringify(each) === JSON.stringify(source),
      ),
    );
  const { sent = [], handedOut = [] } = all[0] ?? {};
  return { sent: sent.filter(isInAll), handedOut: handedOut.filter(isInAll) };
}

/** What the rules for the very path, as it is written in them, let pass; opaque tokens only where those are read. */
function exemptions(
  rules: readonly RouteRule[],
  { from }: Omit<Route, "access">,
): Pick<Route, "expired" | "revoked" | "opaqueLifetimeSeconds" | "answered"> {
  const opaque = rules.find((rule) => from !== undefined && rule.from === from);
  const opaqueLifetimeSeconds = opaque?.opaqueLifetimeSeconds;
  return {
    ...(opaqueLifetimeSeconds !== undefined && { opaqueLifetimeSeconds }),
    ...answeredBy(rules),
    ...(rules.some(({ expired }) => expired === "forward") && { expired: "forward" }),
    ...(rules.some(({ revoked }) => revoked === "forward") && { revoked: "forward" }),
  };
}

function answeredBy(rules: readonly RouteRule[]): Pick<Route, "answered"> {
  const answered = rules.find((rule) => rule.answered)?.answered;
  return answered === undefined ? {} : { answered };
}
