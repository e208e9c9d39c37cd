import type { RevocationScope } from "./revocation.ts";
import type { Target } from "./target.ts";

/** What the configuration says of a method and a path. */
export interface RouteRule {
  /** `/login`, or with `*` as a whole segment: one segment, or everything below where it is the last. */
  readonly path: string;
  /** Upper case; undefined is every method. */
  readonly methods: readonly string[] | undefined;
  readonly access: "public" | "protected";
  /** What a 2xx there revokes. */
  readonly revoke: RevocationScope | undefined;
}

/** What holds for one request. */
export interface Route {
  readonly access: "public" | "protected";
  readonly revoke: RevocationScope | undefined;
}

/** The compiled route rules. */
export interface RouteTable {
  /**
   * Finds what holds for a target, or undefined where frameworks may disagree on whether a public or a
   * revoking rule is meant.
   *
   * `methods` are all that an application might take the request's method to be.
   */
  find(methods: readonly string[], target: Target): Route | undefined;
}

interface CompiledRule extends RouteRule {
  readonly matchesAsWritten: (path: string) => boolean;
  readonly matchesLoosely: (path: string) => boolean;
}

const protectedRoute: Route = { access: "protected", revoke: undefined };

/**
 * Compiles the route rules. What matches no rule is protected.
 *
 * Exemptions match narrowly, everything else widely: a public rule needs the path as written in it and
 * the method in all its readings; a protected rule stands in the way of later public ones, and a
 * revoking rule applies, in any letter case, with or without a trailing slash, and for any reading of
 * the method, because the application's own 2xx decides whether something happened.
 */
export function compileRoutes(rules: readonly RouteRule[]): RouteTable {
  const compiled = rules.map(compileRule);
  const exempt = compiled.filter((rule) => rule.access === "public");
  const revoking = compiled.filter((rule) => rule.revoke !== undefined);

  return {
    find(methods, target) {
      const revoke = widestScope(revoking.filter((rule) => appliesWidely(rule, methods, target)));
      if (target.contested) {
        const meant = exempt.some((rule) => appliesWidely(rule, methods, target));
        return meant || revoke !== undefined ? undefined : protectedRoute;
      }
      const access = compiled.find((rule) => decidesAccess(rule, methods, target))?.access;
      if (revoke === undefined && access !== "public") return protectedRoute;
      return { access: access ?? "protected", revoke };
    },
  };
}

/** Where several rules may be meant, the one that revokes most. */
function widestScope(rules: readonly RouteRule[]): RevocationScope | undefined {
  if (rules.length === 0) return undefined;
  return rules.some(({ revoke }) => revoke === "subject") ? "subject" : "token";
}

function decidesAccess(rule: CompiledRule, methods: readonly string[], target: Target): boolean {
  if (rule.access === "protected") return appliesWidely(rule, methods, target);
  const allowed = rule.methods;
  return (
    rule.matchesAsWritten(target.sent) &&
    (allowed === undefined || methods.every((method) => allowed.includes(method)))
  );
}

function appliesWidely(rule: CompiledRule, methods: readonly string[], target: Target): boolean {
  const { loose, beforeSemicolon } = target;
  const matches =
    rule.matchesLoosely(loose) ||
    (beforeSemicolon !== undefined && rule.matchesLoosely(beforeSemicolon));
  if (!matches) return false;
  const named = rule.methods;
  if (named === undefined) return true;
  // Frameworks answer HEAD with what they have for GET, side effects included.
  return methods.some(
    (method) => named.includes(method) || (method === "HEAD" && named.includes("GET")),
  );
}

function compileRule(rule: RouteRule): CompiledRule {
  const loose = rule.path.toLowerCase().replace(/(?<=.)\/$/, "");
  return {
    ...rule,
    matchesAsWritten: compilePattern(rule.path, true),
    matchesLoosely: compilePattern(loose, false),
  };
}

function compilePattern(pattern: string, exact: boolean): (path: string) => boolean {
  if (!pattern.includes("*")) return (path) => path === pattern;
  const segments = pattern.split("/");
  const source = segments.map((segment, index) => {
    if (segment !== "*") return segment.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");
    // "/static/*" as written is not "/static/": routers that ignore a trailing slash take that for "/static".
    return index < segments.length - 1 ? "[^/]+" : exact && index > 1 ? ".+" : ".*";
  });
  // Loosely, "/static/*" also stands for "/static" itself, whose trailing slash has been taken off.
  const joined = source.join("/");
  const tail = !exact && segments.at(-1) === "*" ? joined.replace(/\/\.\*$/, "(?:/.*)?") : joined;
  const expression = new RegExp(`^${tail}$`);
  return (path) => expression.test(path);
}
