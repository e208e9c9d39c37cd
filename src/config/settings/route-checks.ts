import type { z } from "zod";
import { namedSegments } from "../../gateway/path-pattern.ts";

interface RuleSettings {
  readonly path?: unknown;
  readonly from?: unknown;
  readonly alsoRevoke?: unknown;
  readonly subjectFrom?: unknown;
  readonly sparing?: unknown;
}

/** A segment of the path that a source names must be one. */
export function checkSegments(rule: RuleSettings, context: z.RefinementCtx): void {
  if (typeof rule.path !== "string") return;
  const known = namedSegments(rule.path);
  const check = (source: unknown, path: (string | number)[]) => {
    const { path: name } = (source ?? {}) as { readonly path?: string };
    if (name === undefined || known.has(name)) return;
    const message = `expected the name of a segment of the rule's path, such as {${name}}`;
    context.addIssue({ code: "custom", message, path: [...path, "path"] });
  };
  for (const setting of ["from", "alsoRevoke", "sparing"] as const) {
    const sources = (rule[setting] ?? []) as readonly unknown[];
    sources.forEach((source, index) => {
      check(source, [setting, index]);
    });
  }
  check(rule.subjectFrom, ["subjectFrom"]);
}

type RouteSetting =
  | "revoke"
  | "refuse"
  | "success"
  | "alsoRevoke"
  | "subjectFrom"
  | "from"
  | "tokens"
  | "access"
  | "stream"
  | "when"
  | "graphql"
  | "expired"
  | "revoked"
  | "allowEncodedSlash"
  | "handsOut"
  | "sparing"
  | "only"
  | "session"
  | "reused"
  | "firstMessage"
  | "methods";

/** What hosts, headers and bodies say is up to the client: a rule that looks at them exempts nothing. */
function checkAddsOnly(
  rule: { readonly [setting in RouteSetting]?: unknown },
  context: z.RefinementCtx,
): void {
  const neutral: readonly unknown[] = [undefined, "protected", "refuse", "jwt", false];
  for (const setting of ["access", "from", "tokens", "expired", "revoked", "stream"] as const) {
    if (neutral.includes(rule[setting])) continue;
    const message =
      "expected it in a rule without when and graphql: what they look at may only add a revocation";
    context.addIssue({ code: "custom", message, path: [setting] });
  }
}

/** Settings that mean nothing without another one are mistakes. */
export function checkRoute(
  rule: { readonly [setting in RouteSetting]?: unknown },
  context: z.RefinementCtx,
): void {
  const needs = (setting: RouteSetting, other: "revoke", why: string) => {
    if (rule[setting] === undefined || rule[other] !== undefined) return;
    const message = `expected ${other} beside it: ${why}`;
    context.addIssue({ code: "custom", message, path: [setting] });
  };
  needs("success", "revoke", "it says when a revoking route revokes");
  if (rule.refuse === true) checkRefusing(rule, context);
  else {
    needs("when", "revoke", "it says when a rule revokes");
    needs("graphql", "revoke", "it says when a rule revokes");
  }
  needs("alsoRevoke", "revoke", "it says what else a revoking route revokes");
  needs("expired", "revoke", "only a route that revokes may be reached with an expired token");
  needs("revoked", "revoke", "only a route that revokes may be reached with a revoked token");
  if (rule.when !== undefined || rule.graphql !== undefined) checkAddsOnly(rule, context);
  checkCutOff(rule, context);
  checkHandedOut(rule, context);
  checkFirstMessage(rule, context);
  if (rule["handsOut"] !== undefined && rule["revoke"] !== undefined) {
    const message = "expected no revoke beside it: it is for routes that log in";
    context.addIssue({ code: "custom", message, path: ["handsOut"] });
  }
  if (rule["allowEncodedSlash"] === true && (rule["revoke"] ?? rule["from"]) !== undefined) {
    const message =
      "expected neither revoke nor from beside it: it is unclear whether the path is the one they are for";
    context.addIssue({ code: "custom", message, path: ["allowEncodedSlash"] });
  }
}

/** A rule that refuses has nothing else to say. */
function checkRefusing(
  rule: { readonly [setting in RouteSetting]?: unknown },
  context: z.RefinementCtx,
): void {
  for (const setting of ["revoke", "handsOut", "session", "from", "firstMessage"] as const) {
    if (rule[setting] === undefined) continue;
    const message = "expected it in a rule without refuse, whose requests reach no application";
    context.addIssue({ code: "custom", message, path: [setting] });
  }
  if (rule.access !== "protected") {
    const message = "expected protected beside refuse: nothing passes there";
    context.addIssue({ code: "custom", message, path: ["access"] });
  }
}

/** A rule for WebSockets: they reach no route that revokes, and none whose answer is read. */
function checkFirstMessage(
  rule: { readonly [setting in RouteSetting]?: unknown },
  context: z.RefinementCtx,
): void {
  if (rule.firstMessage === undefined) return;
  const refuse = (setting: RouteSetting, message: string) =>
    context.addIssue({ code: "custom", message, path: [setting] });
  if (rule.access !== "protected") {
    refuse(
      "access",
      "expected protected beside firstMessage: a token is needed there, in a message",
    );
  }
  for (const setting of ["revoke", "handsOut"] as const) {
    if (rule[setting] === undefined) continue;
    refuse(setting, "expected it in a rule without firstMessage, which is for WebSockets");
  }
  const { protocol } = rule.firstMessage as { protocol?: string };
  if (protocol === "socket.io" && rule.methods !== undefined) {
    const message =
      "expected none beside firstMessage.protocol: socket.io, whose long polling sends messages by POST: the rule refuses that";
    refuse("methods", message);
  }
}

/** What belongs to rules that end all tokens of a subject, or all others. */
function checkCutOff(
  rule: { readonly [setting in RouteSetting]?: unknown },
  context: z.RefinementCtx,
): void {
  const refuse = (setting: RouteSetting, message: string) =>
    context.addIssue({ code: "custom", message, path: [setting] });
  const { revoke } = rule;
  const endsAll = revoke === "subject" || revoke === "others";
  if (rule.subjectFrom !== undefined && !endsAll) {
    refuse(
      "subjectFrom",
      "expected revoke: subject or revoke: others beside it: it says whose tokens end",
    );
  }
  if (rule.access === "public" && endsAll && !rule.subjectFrom) {
    refuse(
      "revoke",
      `expected subjectFrom with access: public and revoke: ${revoke}: no token is needed there, so a request may name no subject and revoke nothing; say where the subject is, or subjectFrom: carried if the request carries its token`,
    );
  }
  if (rule.sparing !== undefined && revoke !== "others") {
    refuse("sparing", "expected revoke: others beside it: it says which tokens stay");
  }
  if (rule.alsoRevoke !== undefined && revoke === "others") {
    refuse("alsoRevoke", "expected it without revoke: others, which ends all others anyway");
  }
}

/** What belongs to rules whose answers hand tokens out. */
function checkHandedOut(
  rule: { readonly [setting in RouteSetting]?: unknown },
  context: z.RefinementCtx,
): void {
  const refuse = (setting: RouteSetting, message: string) =>
    context.addIssue({ code: "custom", message, path: [setting] });
  const { only, session, handsOut } = rule;
  if (only !== undefined && handsOut === undefined) {
    refuse("only", "expected handsOut beside it: it says where the tokens are that stay");
  }
  if (typeof only === "object" && session !== "begins") {
    refuse("only", "expected session: begins beside it: whole sessions are counted and ended");
  }
  if (session !== undefined && handsOut === undefined) {
    refuse(
      "session",
      "expected handsOut beside it: it says where the tokens are that belong together",
    );
  }
  if (session === "continues" && rule.access === "public") {
    refuse("session", "expected begins beside access: public: no token is looked at there");
  }
  if (rule.reused !== undefined && session !== "continues") {
    refuse("reused", "expected session: continues beside it: it says where tokens are replaced");
  }
}
