import { patternsOverlap } from "../gateway/path-pattern.ts";
import type { SettingPath } from "./document.ts";

/** What of a rule has to do with the method that a POST names in its body. */
interface Rule {
  readonly path: string;
  readonly methods?: readonly string[] | undefined;
  readonly access: string;
  readonly revoke?: unknown;
}

interface Problem {
  readonly path: SettingPath;
  readonly message: string;
}

const remedy =
  "expected POST among them, or decisions.methodInBody: never: gateways do not show the body in which a POST may name another method (_method)";

/**
 * The rules that a POST gets around by its body, if the application takes its method from there, and the body is not
 * seen: those that revoke, and those that need a token beside a rule by which a POST needs none.
 *
 * The clients' port reads such bodies. Where they are not seen, every POST would have to count as every method: a login
 * would need a token if a logout has its path, and a refresh would be one.
 */
export function methodInBodyProblems(rules: readonly Rule[]): Problem[] {
  return rules.flatMap((rule, index) => {
    if (takesPost(rule)) return [];
    const path = ["routes", index, "methods"];
    if (rule.revoke !== undefined) {
      return [{ path, message: `${remedy}, so that a logout may not be seen` }];
    }
    const open = rule.access === "protected" ? openToPost(rules, index) : -1;
    if (open === -1) return [];
    return [{ path, message: `${remedy}, and routes[${open}] lets it pass without a token` }];
  });
}

/** The rule by which a POST to a path of a protected rule needs no token; -1: none. */
function openToPost(rules: readonly Rule[], at: number): number {
  return rules.findIndex(
    (open, index) =>
      open.access !== "protected" &&
      takesPost(open) &&
      overlap(open, rules[at]) &&
      // It decides about the other method as well.
      !(index < at && open.methods === undefined) &&
      !isProtectedBefore(rules, index),
  );
}

/** Whether a rule before it has a POST to its path need a token. */
function isProtectedBefore(rules: readonly Rule[], at: number): boolean {
  return rules.some(
    (rule, index) =>
      index < at &&
      rule.access === "protected" &&
      takesPost(rule) &&
      rule.path.toLowerCase() === rules[at]?.path.toLowerCase(),
  );
}

function overlap(one: Rule, other: Rule | undefined): boolean {
  return other !== undefined && patternsOverlap(one.path, other.path);
}

function takesPost({ methods }: Rule): boolean {
  return methods === undefined || methods.includes("POST");
}
