import type { CredentialSource, Sent } from "../token/credential.ts";
import { compileCondition, type ReadCondition } from "./condition.ts";
import { anyMethod, methodInBody } from "./method.ts";
import { compilePattern } from "./path-pattern.ts";
import type { RouteRule } from "./route.ts";
import { any2xx } from "./success.ts";
import type { Target } from "./target.ts";

/** A rule, and how it is told whether a request is meant by it. */
export interface CompiledRule extends RouteRule {
  readonly position: number;
  readonly matchesAsWritten: (path: string) => boolean;
  readonly matchesLoosely: (path: string) => boolean;
  /** Segments of its paths that hold tokens. */
  readonly secretSegments: readonly number[];
  readonly readCondition: ReadCondition;
}

/** Which rules a request may be meant by. */
export interface Matching {
  /** Those that revoke or refuse, or say where a token is sent or a text stands. */
  applyingTo(methods: readonly string[], target: Target, sent?: Sent): CompiledRule[];
  /** The first that decides whether a token is needed. */
  decidingAccess(methods: readonly string[], target: Target): CompiledRule | undefined;
  /** Whether any that needs none may be meant. */
  mayExempt(methods: readonly string[], target: Target): boolean;
  /** Whether another one that revokes, or needs a token if so far none is needed, is meant if the body names its method. */
  dependsOnBody(
    methods: readonly string[],
    target: Target,
    access: CompiledRule["access"],
  ): boolean;
}

/** Makes what tells which of the rules a request may be meant by. */
export function createMatching(compiled: readonly CompiledRule[]): Matching {
  const exempt = compiled.filter((rule) => rule.access !== "protected");
  const particular = compiled.filter(
    ({ revoke, from, handsOut, messages, messageToken, refuses }) =>
      (revoke ?? from ?? handsOut ?? messages ?? messageToken) !== undefined || refuses === true,
  );
  const withoutPost = compiled.filter(
    ({ access, revoke, methods }) =>
      (access === "protected" || revoke !== undefined) && methods?.includes("POST") === false,
  );
  return {
    applyingTo(methods, target, sent) {
      const applying = particular.filter((rule) => appliesWidely(rule, methods, target));
      // Most requests match none: nothing more is made for them.
      return applying.length === 0
        ? applying
        : applying.flatMap((rule) => underCondition(rule, sent));
    },
    decidingAccess: (methods, target) =>
      compiled.find((rule) => rule.when === undefined && decidesAccess(rule, methods, target)),
    mayExempt: (methods, target) => exempt.some((rule) => appliesWidely(rule, methods, target)),
    dependsOnBody: (methods, target, access) =>
      methods.includes(methodInBody) &&
      withoutPost.some(
        (rule) =>
          (rule.revoke !== undefined || access !== "protected") &&
          appliesWidely(rule, [anyMethod], target),
      ),
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

function decidesAccess(rule: CompiledRule, methods: readonly string[], target: Target): boolean {
  return rule.access === "protected"
    ? appliesWidely(rule, methods, target)
    : appliesNarrowly(rule, methods, target);
}

/** Whether the very path is meant, as it is written in the rule, and the method in all its readings. */
export function appliesNarrowly(
  rule: CompiledRule,
  methods: readonly string[],
  target: Target,
): boolean {
  const allowed = rule.methods;
  return (
    rule.matchesAsWritten(target.sent) &&
    (allowed === undefined ||
      methods.every((method) => method === methodInBody || allowed.includes(method)))
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
    (method) =>
      named.includes(method) ||
      method === anyMethod ||
      (method === "HEAD" && named.includes("GET")),
  );
}

/** Makes a rule quick to match; `position` is its place among all. */
export function compileRule(rule: RouteRule, position: number): CompiledRule {
  const loose = rule.path.toLowerCase().replace(/(?<=.)\/$/, "");
  return {
    ...rule,
    position,
    matchesAsWritten: compilePattern(rule.path, true),
    matchesLoosely: isPrefix(rule) ? startsWith(loose) : compilePattern(loose, false),
    readCondition: compileCondition(rule.when),
    secretSegments: tokenSourcesOf(rule).flatMap((source) =>
      source.kind === "path" ? [source.segment] : [],
    ),
  };
}

/** Engine.IO, on which socket.io stands, takes every path that begins with its own for it. */
function isPrefix({ messageToken }: RouteRule): boolean {
  return messageToken?.protocol === "socket.io";
}

function startsWith(prefix: string): (path: string) => boolean {
  return (path) => path.startsWith(prefix);
}

function tokenSourcesOf({ from = [], alsoRevoke = [], sparing }: RouteRule): CredentialSource[] {
  return [...from, ...alsoRevoke.map(({ source }) => source), ...(sparing?.sent ?? [])];
}
