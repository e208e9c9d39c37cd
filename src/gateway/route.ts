import type { UnknownOutcome } from "../denylist/denylist.ts";
import type { BodySource } from "../http/body-fields.ts";
import type { RevocationScope } from "../revocation/entries.ts";
import {
  type CredentialSource,
  isInBody,
  type PathSource,
  type QuerySource,
  type Sent,
} from "../token/credential.ts";
import { asksBody, type Condition, compileCondition, type ReadCondition } from "./condition.ts";
import type { SecretSegments } from "./path-for-log.ts";
import { compilePattern } from "./path-pattern.ts";
import { any2xx, readsAnswer, type Success } from "./success.ts";
import type { Target } from "./target.ts";

/** A further token that a request to a revoking route may carry, and that ends with the first. */
export interface FurtherToken {
  readonly source: CredentialSource;
  /** For how long it must be remembered, in seconds, where revgate can't look into it. */
  readonly lifetimeSeconds: number;
}

/**
 * Where the subject is named whose tokens a 2xx ends, on a route that is reached without one of them: in
 * the request, or (`pointer` is a JSON Pointer, RFC 6901) in the application's response.
 */
export type SubjectSource =
  | BodySource
  | QuerySource
  | PathSource
  | { readonly kind: "responseHeader"; readonly name: string }
  | { readonly kind: "responseJson"; readonly pointer: string };

/** One such place, and what the subjects of its issuer are told apart by where there are several. */
export interface NamedSubject {
  readonly source: SubjectSource;
  /** The claim that names it, if what stands there is a JWT. */
  readonly claim?: string | undefined;
  readonly namespace: string | undefined;
  /**
   * What becomes of the tokens of a subject that the request alone names, if nobody can know what the
   * application did. `keep` unless configured: anybody can name anybody, and many can make it fail.
   */
  readonly ifUnknown: UnknownOutcome;
}

/** What holds for one request. */
export interface Route {
  /** Whether a token is needed; `optional`: none is, and one that is sent must be live. */
  readonly access: "public" | "optional" | "protected";
  /** What a 2xx there revokes. */
  readonly revoke: RevocationScope | undefined;
  /** Which answers count, by one rule or another; undefined: any 2xx. */
  readonly success?: readonly Success[] | undefined;
  /** What else it revokes, where the request carries it. */
  readonly alsoRevoke?: readonly FurtherToken[] | undefined;
  /** Whose tokens it revokes, where that is not said by the token that the request carries. */
  readonly subjectsFrom?: readonly NamedSubject[] | undefined;
  /** Set if the token that the request carries should name it: a request without one is told of. */
  readonly expectsCarried?: boolean | undefined;
  /** Set where those are all that it revokes. */
  readonly sparesCarried?: boolean | undefined;
  /** Set where some of this is in the request's body. */
  readonly needsBody?: boolean | undefined;
  /** JSON Pointers to tokens that its answer hands out. */
  readonly handsOut?: readonly string[] | undefined;
  /** Where its token is sent; undefined: where all are. */
  readonly from?: readonly CredentialSource[] | undefined;
  /** Set where that may be a token that revgate can't look into: for how long one lives, in seconds. */
  readonly opaqueLifetimeSeconds?: number | undefined;
  /** Whether a token passes that has expired, or that has been revoked. */
  readonly expired?: "refuse" | "forward" | undefined;
  readonly revoked?: "refuse" | "forward" | undefined;
  /** Whether a response may pause for as long as it likes. */
  readonly streams?: boolean | undefined;
}

/** What the configuration says of a method and a path. */
export interface RouteRule extends Omit<Route, "success"> {
  /** Which answers count; undefined: any 2xx. */
  readonly success?: Success | undefined;
  /** `/login`, or a pattern (see path-pattern.ts). */
  readonly path: string;
  /** Upper case; undefined is every method. */
  readonly methods: readonly string[] | undefined;
  /** What else has to be so; such a rule only adds a revocation. */
  readonly when?: Condition | undefined;
  /** Whether a path with encoded slashes may be meant: by both of their readings. */
  readonly allowsEncodedSlash?: boolean | undefined;
}

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

interface CompiledRule extends RouteRule {
  readonly position: number;
  readonly matchesAsWritten: (path: string) => boolean;
  readonly matchesLoosely: (path: string) => boolean;
  /** Segments of its paths that hold tokens. */
  readonly secretSegments: readonly number[];
  readonly readCondition: ReadCondition;
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
 * says where a token is sent. What lets a token pass unseen, expired or revoked is an exemption.
 */
export function compileRoutes(rules: readonly RouteRule[]): RouteTable {
  const compiled = rules.map(compileRule);
  const exempt = compiled.filter((rule) => rule.access !== "protected");
  const particular = compiled.filter(
    (rule) => rule.revoke !== undefined || rule.from !== undefined || rule.handsOut !== undefined,
  );

  const matching: Matching = {
    applyingTo(methods, target, sent) {
      const matching = particular.filter((rule) => appliesWidely(rule, methods, target));
      // Most requests match none: nothing more is made for them.
      return matching.length === 0
        ? matching
        : matching.flatMap((rule) => underCondition(rule, sent));
    },
    decidingAccess: (methods, target) =>
      compiled.find((rule) => rule.when === undefined && decidesAccess(rule, methods, target)),
    mayExempt: (methods, target) => exempt.some((rule) => appliesWidely(rule, methods, target)),
  };
  const { applyingTo, decidingAccess } = matching;
  const streaming = compiled.filter(({ streams }) => streams === true);
  const secret = compiled.filter(({ secretSegments }) => secretSegments.length > 0);

  return {
    find(methods, target, sent) {
      if (target.contested) return findContested(matching, methods, target, sent);
      const access = decidingAccess(methods, target)?.access ?? "protected";
      if (access !== "protected" && isMappedElsewhere(matching, methods, target, sent))
        return undefined;
      const applying = applyingTo(methods, target, sent);
      const streams = streaming.some((rule) => appliesNarrowly(rule, methods, target));
      if (applying.length === 0) return plainRoute(access, streams);
      const exact = applying.filter((rule) => appliesNarrowly(rule, methods, target));
      const together = { ...merge(applying), ...(streams && { streams }) };
      return { access, ...together, ...exemptions(exact, together) };
    },
    secretSegments(target) {
      if (secret.length === 0) return undefined;
      if (target === undefined || target.contested || target.mapped !== undefined) return "all";
      // Whatever the method: what was sent to the wrong one is a token all the same.
      const meant = secret.filter((rule) => rule.matchesLoosely(target.loose));
      return meant.flatMap(({ secretSegments }) => secretSegments);
    },
    explain: (methods, target) => ({
      access: decidingAccess(methods, target)?.position,
      applying: applyingTo(methods, target).map(({ position }) => position),
    }),
  };
}

/** The rule as it holds for this request, or none. */
function underCondition(rule: CompiledRule, sent: Sent | undefined): CompiledRule[] {
  if (rule.when === undefined) return [rule];
  const reading = rule.readCondition(sent);
  if (reading === false) return [];
  const { mutations = [] } = rule.when;
  if (mutations.length === 0 || rule.success !== undefined) return [rule];
  const unread = reading.mutations === undefined || reading.mutations === "unread";
  const keys = unread ? mutations : (reading.mutations as readonly string[]);
  return [{ ...rule, success: { ...any2xx, graphql: { keys, unread } } }];
}

/** Which rules a request may be meant by. */
interface Matching {
  /** Those that revoke, or say where a token is sent. */
  applyingTo(methods: readonly string[], target: Target, sent?: Sent): CompiledRule[];
  /** The first that decides whether a token is needed. */
  decidingAccess(methods: readonly string[], target: Target): CompiledRule | undefined;
  /** Whether any that needs none may be meant. */
  mayExempt(methods: readonly string[], target: Target): boolean;
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
  const scopes = rules.map(({ revoke }) => revoke);
  const revoke = scopes.includes("subject") ? "subject" : scopes.find((scope) => scope);
  const alsoRevoke = rules.flatMap((rule) => rule.alsoRevoke ?? []);
  const from = rules.find((rule) => rule.from !== undefined)?.from;
  const subjectsFrom = rules.flatMap((rule) => rule.subjectsFrom ?? []);
  const revoking = rules.filter((rule) => rule.revoke !== undefined);
  // Revocations apply widely: what one of the rules takes for a success is one.
  const success = revoking.some((rule) => rule.success)
    ? revoking.map((rule) => rule.success ?? any2xx)
    : undefined;
  const expectsCarried = rules.some((rule) => rule.expectsCarried);
  const handsOut = rules.flatMap((rule) => rule.handsOut ?? []);
  const sparesCarried = rules.every((rule) => !rule.revoke || rule.subjectsFrom);
  const read = [...(from ?? []), ...alsoRevoke.map(({ source }) => source)];
  const needsBody =
    read.some(isInBody) ||
    subjectsFrom.some(({ source }) => isInBody(source)) ||
    rules.some(({ when }) => asksBody(when));
  return {
    revoke,
    ...(success && { success }),
    ...(alsoRevoke.length > 0 && { alsoRevoke }),
    ...(from && { from }),
    ...(handsOut.length > 0 && { handsOut }),
    ...(subjectsFrom.length > 0 && { subjectsFrom, sparesCarried }),
    ...(expectsCarried && { expectsCarried }),
    ...(needsBody && { needsBody }),
  };
}

/** Whether the body of the application's response is read on a route. */
export function readsResponse({ subjectsFrom, success, handsOut }: Route): boolean {
  return (
    handsOut !== undefined ||
    subjectsFrom?.some(({ source }) => source.kind === "responseJson") === true ||
    success?.some(readsAnswer) === true
  );
}

/** What the rules for the very path, as it is written in them, let pass; opaque tokens only where those are read. */
function exemptions(
  rules: readonly RouteRule[],
  { from }: Omit<Route, "access">,
): Pick<Route, "expired" | "revoked" | "opaqueLifetimeSeconds"> {
  const opaque = rules.find((rule) => from !== undefined && rule.from === from);
  const opaqueLifetimeSeconds = opaque?.opaqueLifetimeSeconds;
  return {
    ...(opaqueLifetimeSeconds !== undefined && { opaqueLifetimeSeconds }),
    ...(rules.some(({ expired }) => expired === "forward") && { expired: "forward" }),
    ...(rules.some(({ revoked }) => revoked === "forward") && { revoked: "forward" }),
  };
}

function decidesAccess(rule: CompiledRule, methods: readonly string[], target: Target): boolean {
  return rule.access === "protected"
    ? appliesWidely(rule, methods, target)
    : appliesNarrowly(rule, methods, target);
}

function appliesNarrowly(rule: CompiledRule, methods: readonly string[], target: Target): boolean {
  const allowed = rule.methods;
  return (
    rule.matchesAsWritten(target.sent) &&
    (allowed === undefined || methods.every((method) => allowed.includes(method)))
  );
}

function appliesWidely(rule: CompiledRule, methods: readonly string[], target: Target): boolean {
  const { loose, beforeSemicolon, otherReadings } = target;
  const matches =
    rule.matchesLoosely(loose) ||
    (beforeSemicolon !== undefined && rule.matchesLoosely(beforeSemicolon)) ||
    otherReadings.some(rule.matchesLoosely);
  if (!matches) return false;
  const named = rule.methods;
  if (named === undefined) return true;
  // Frameworks answer HEAD with what they have for GET, side effects included.
  return methods.some(
    (method) => named.includes(method) || (method === "HEAD" && named.includes("GET")),
  );
}

function compileRule(rule: RouteRule, position: number): CompiledRule {
  const loose = rule.path.toLowerCase().replace(/(?<=.)\/$/, "");
  return {
    ...rule,
    position,
    matchesAsWritten: compilePattern(rule.path, true),
    matchesLoosely: compilePattern(loose, false),
    readCondition: compileCondition(rule.when),
    secretSegments: tokenSourcesOf(rule).flatMap((source) =>
      source.kind === "path" ? [source.segment] : [],
    ),
  };
}

function tokenSourcesOf({ from = [], alsoRevoke = [] }: RouteRule): CredentialSource[] {
  return [...from, ...alsoRevoke.map(({ source }) => source)];
}
