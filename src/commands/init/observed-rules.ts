import type { ObservedRoute } from "../../gateway/observer.ts";
import { compilePattern } from "../../gateway/path-pattern.ts";

/** A rule made of what was seen, and why it is so. */
export interface SeenRule {
  readonly rule: Readonly<Record<string, unknown>> & {
    readonly path: string;
    readonly methods: readonly string[];
  };
  readonly why: string;
}

/** Words between separators, as they are in routes of many frameworks and languages. */
const word = (words: string) => new RegExp(`(?:^|[/_.-])(?:${words})(?:[/_.-]|$)`, "i");
const logout = word(
  "log[_-]?out|sign[_-]?out|log[_-]?off|sign[_-]?off|logout\\w*|token[/_-](?:revoke|blacklist)",
);
const login = word(
  "log[_-]?in|sign[_-]?in|sign[_-]?up|register|registration|auth[/_-]local|refresh|token|tokens",
);
const passwordChange = word(
  "(?:change|update|set)[_-]?password|password[/_-](?:change|update|set)",
);
const passwordReset = word(
  "(?:reset|forgot|forgotten)[_-]?password|password[/_-](?:reset|forgot)|reset",
);

/** Makes the rules; what needs a token anyway needs none, unless a rule for several paths would open it. */
export function rulesFrom(routes: readonly ObservedRoute[]): SeenRule[] {
  const each = routes.flatMap((route) => ruleFor(route) ?? []);
  const rules = joinMethods(joinFiles(each, routes));
  return joinMethods([...rules, ...keptClosed(rules, routes)]).sort((a, b) => order(a) - order(b));
}

/** What names a path exactly, and what keeps paths closed, comes before what opens several. */
function order({ rule }: SeenRule): number {
  return namesSeveral(rule.path) && rule["access"] !== "protected" ? 1 : 0;
}

function namesSeveral(path: string): boolean {
  return /[*{]/.test(path);
}

/** Routes that need a token although a rule for several paths lets visitors in to theirs: `/users/me` beside `/users/{id}`. */
function keptClosed(rules: readonly SeenRule[], routes: readonly ObservedRoute[]): SeenRule[] {
  const open = rules
    .filter(({ rule }) => rule["access"] !== undefined && namesSeveral(rule.path))
    .map(({ rule }) => ({ ...rule, matches: compilePattern(rule.path, false) }));
  return routes.flatMap((route) => {
    const { path, method } = route;
    const isOpened = open.some(
      (rule) => rule.path !== path && rule.methods.includes(method) && rule.matches(path),
    );
    if (!isOpened || ruleFor(route) !== undefined) return [];
    return { rule: { path, methods: [method], access: "protected" }, why: whyOf(route) };
  });
}

function ruleFor(route: ObservedRoute): SeenRule | undefined {
  const { method, path } = route;
  if (method === "OPTIONS") return undefined;
  const rule = revokingRule(route) ?? openRule(route);
  return rule && { rule: { path, methods: [method], ...rule }, why: whyOf(route) };
}

/** Routes that end tokens are known by their name, and by an answer that says that it was done. */
function revokingRule({
  path,
  answers: { nothing, valid, other },
}: ObservedRoute): Record<string, unknown> | undefined {
  const done = (answers: typeof valid) => answers.ok + answers.redirected;
  const redirected = valid.redirected + nothing.redirected + other.redirected > 0;
  const success = redirected ? { success: { status: ["2xx", 302, 303] } } : {};
  if (logout.test(path) && done(valid) + done(nothing) > 0) {
    return { ...(done(nothing) > 0 && { access: "public" }), revoke: "token", ...success };
  }
  if (passwordChange.test(path) && done(valid) > 0) return { revoke: "subject", ...success };
  if (passwordReset.test(path) && done(nothing) > 0) {
    return { access: "public", revoke: "token", ...success };
  }
  return undefined;
}

/** Routes that visitors may use. */
function openRule({
  method,
  path,
  answers: { nothing, valid, other },
}: ObservedRoute): Record<string, unknown> | undefined {
  const withToken = valid.ok + valid.redirected + other.ok + other.redirected;
  // A visitor who is sent elsewhere, to the login say, was not let in.
  const open = nothing.ok > 0 || (nothing.redirected > 0 && withToken === 0);
  // An id at the root: it would open every path of one segment, for one request of a stranger to an application that answers any.
  if (!open || path.startsWith("/{")) return undefined;
  if (method === "POST" && login.test(path)) return { access: "public" };
  // Paths that were not seen are among several: a dead token opens none of them.
  return { access: withToken === 0 && !namesSeveral(path) ? "public" : "optional" };
}

function whyOf({ answers: { nothing, valid, other } }: ObservedRoute): string {
  const parts = Object.entries({
    "without a token": nothing,
    "with a valid one": valid,
    "with another": other,
  }).flatMap(([carried, answers]) => {
    const done = answers.ok + answers.redirected;
    const no = answers.denied + answers.other;
    const refused = no === 0 ? "" : ` of ${done + no}`;
    return done + no === 0 ? [] : [`${carried} ${done}${refused} succeeded`];
  });
  return parts.join(", ");
}

const file = /\.[A-Za-z0-9]{2,5}$/;
const minFiles = 3;

/** Files of one folder, in which nothing else was seen, are one rule: their names change with each release. */
function joinFiles(rules: readonly SeenRule[], routes: readonly ObservedRoute[]): SeenRule[] {
  const folderOf = (path: string) => /^\/[^/{}]+(?=\/.)/.exec(path)?.[0];
  const isFile = ({ rule }: SeenRule) =>
    rule["access"] === "public" &&
    rule["revoke"] === undefined &&
    rule.methods[0] === "GET" &&
    file.test(rule.path);
  const folders = new Set(rules.flatMap(({ rule }) => folderOf(rule.path) ?? []));
  const joined = [...folders].filter((folder) => {
    const inside = rules.filter(({ rule }) => folderOf(rule.path) === folder);
    const seen = routes.filter(({ path }) => folderOf(path) === folder);
    return inside.length >= minFiles && inside.every(isFile) && seen.length === inside.length;
  });
  const rest = rules.filter(({ rule }) => !joined.includes(folderOf(rule.path) ?? ""));
  const whole = joined.map((folder) => ({
    rule: { path: `${folder}/*`, methods: ["GET"], access: "public" },
    why: "nothing but files without a token",
  }));
  return [...rest, ...whole];
}

/** Methods of one path that are treated alike are one rule. */
function joinMethods(rules: readonly SeenRule[]): SeenRule[] {
  const joined = new Map<string, SeenRule>();
  for (const each of rules) {
    const key = JSON.stringify({ ...each.rule, methods: undefined });
    const same = joined.get(key);
    const methods = [...(same?.rule.methods ?? []), ...each.rule.methods];
    const why = same === undefined ? each.why : `${same.why}; ${each.rule.methods[0]} ${each.why}`;
    joined.set(key, { rule: { ...each.rule, methods }, why });
  }
  return [...joined.values()];
}
