import { patternCovers } from "../gateway/path-pattern.ts";
import type { Note } from "./note.ts";
import type { Settings } from "./schema.ts";

type Rule = Settings["routes"][number];

/** What of a configuration says who gets in. */
export interface AccessNoted extends Pick<Settings, "routes"> {
  readonly listen?: Pick<Settings["listen"], "trustedProxies"> | undefined;
  readonly decisions?: Pick<NonNullable<Settings["decisions"]>, "gateways"> | undefined;
}

/** Rules and ranges that let in more than their operator may mean. */
export function notesOnAccess({ routes, listen, decisions }: AccessNoted): Note[] {
  return [
    ...routes.flatMap((rule, index) => [
      ...noteOnShadowed(routes, rule, index),
      ...noteOnEverything(routes, rule, index),
    ]),
    ...notesOnRanges(
      ["listen", "trustedProxies"],
      listen?.trustedProxies,
      "every client may say which address it has: limits by client no longer hold, and the application is told what the client says",
    ),
    ...notesOnRanges(
      ["decisions", "gateways"],
      decisions?.gateways,
      "anyone who reaches the port may ask, and end tokens by asking about a logout",
    ),
  ];
}

/** Its only effect would be to protect: the first rule that matches decides. */
function noteOnShadowed(rules: readonly Rule[], rule: Rule, index: number): Note[] {
  if (rule.access !== "protected" || doesMore(rule)) return [];
  const before = rules.slice(0, index).findIndex((other) => isOpen(other) && covers(other, rule));
  if (before === -1) return [];
  const message = `it decides nothing: routes[${before}] comes first, matches all of it, and needs no token; put the protected rule before that one`;
  return [{ path: ["routes", index], message }];
}

function noteOnEverything(rules: readonly Rule[], rule: Rule, index: number): Note[] {
  const opensAll = rule.access === "public" && rule.path === "/*" && rule.methods === undefined;
  const isGuarded = rules.slice(0, index).some(({ access }) => access === "protected");
  if (!opensAll || isGuarded || rule.when !== undefined) return [];
  return [{ path: ["routes", index], message: "no request needs a token, and none is checked" }];
}

function notesOnRanges(
  path: readonly string[],
  ranges: readonly string[] | undefined,
  message: string,
): Note[] {
  return (ranges ?? []).some((range) => /\/0+$/.test(range)) ? [{ path: [...path], message }] : [];
}

function doesMore(rule: Rule): boolean {
  const { revoke, from, handsOut, messages, firstMessage, when, refuse } = rule;
  const more = revoke ?? from ?? handsOut ?? messages ?? firstMessage ?? when;
  return more !== undefined || refuse === true;
}

function isOpen({ access, when }: Rule): boolean {
  return access !== "protected" && when === undefined;
}

function covers(wide: Rule, narrow: Rule): boolean {
  const { methods } = wide;
  const hasMethods =
    methods === undefined || (narrow.methods?.every((method) => methods.includes(method)) ?? false);
  return hasMethods && patternCovers(wide.path, narrow.path);
}
