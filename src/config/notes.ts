import { compilePattern } from "../gateway/path-pattern.ts";
import { notesOnAccess } from "./access-notes.ts";
import type { SettingPath } from "./document.ts";
import { notesOnGraphql } from "./graphql-notes.ts";
import type { Note } from "./note.ts";
import { notesOnProtocols } from "./protocol-notes.ts";
import type { Settings } from "./schema.ts";
import { isGrpcForm } from "./settings/decisions.ts";

type Rule = Settings["routes"][number];

type Noted = Pick<Settings, "routes"> &
  Partial<Pick<Settings, "errors" | "decisions" | "tokens" | "listen" | "limits" | "upstream">>;

/** What settings do, or can't do, that their words do not show. */
export function notesOn(settings: Noted): Note[] {
  return [
    ...notesOnRules(settings),
    ...notesOnErrors(settings),
    ...notesOnGraphql(settings),
    ...notesOnClaims(settings),
    ...notesOnDecisions(settings),
    ...notesOnProtocols(settings),
    ...notesOnAccess(settings),
  ];
}

/** The application would take another issuer's user for its own. */
function notesOnClaims({ tokens }: Noted): Note[] {
  const claims = Object.keys(tokens?.forwardClaims ?? {});
  const isTold = claims.some((claim) => claim === "iss" || claim === "/iss");
  if (claims.length === 0 || isTold || (tokens?.issuers ?? []).length === 0) return [];
  const message =
    "with several issuers the application cannot tell a subject of one from the same subject of another; forward iss as well ({ iss: x-user-issuer }), and have the application go by both";
  return [{ path: ["tokens", "forwardClaims"], message }];
}

/** Gateways that only ask show no answers, and pass on what they were sent. */
function notesOnDecisions({ decisions, routes, tokens }: Noted): Note[] {
  if (decisions === undefined) return [];
  if (decisions.question === "ext_proc") return notesOnProcessor({ routes });
  const notes: Note[] = [];
  const note = (path: SettingPath, message: string) => notes.push({ path, message });
  if (routes.some(({ revoke }) => revoke !== undefined)) {
    note(
      ["decisions"],
      "rules with revoke count as soon as a gateway asks, whatever the application answers then",
    );
  }
  for (const [index, { revoke }] of routes.entries()) {
    if (revoke !== "subject" && revoke !== "others") continue;
    note(
      ["routes", index],
      "if a gateway asks, it ends the sessions even if the application refuses the request, such as for a wrong password",
    );
  }
  if (tokens?.forwardCredential === false && !isGrpcForm(decisions.question)) {
    note(["tokens", "forwardCredential"], "gateways that only ask pass the credential on");
  }
  return notes;
}

/** Envoy's own settings are not seen from here. */
function notesOnProcessor({ routes }: Pick<Noted, "routes">): Note[] {
  if (!routes.some(({ revoke, session }) => (revoke ?? session) !== undefined)) return [];
  const message =
    "Envoy waits 200 ms for revgate unless its ext_proc filter says otherwise: set message_timeout to more than denylist.holdTimeout and the staleness of Redis together, failure_mode_allow: false, and allow_mode_override: true for rules that look into the body of an answer, and for gRPC";
  return [{ path: ["decisions", "question"], message }];
}

function notesOnErrors({ errors, routes }: Noted): Note[] {
  const path = /^\/[^?#]*/.exec(errors?.html?.redirect ?? "")?.[0];
  const isOpen = routes.some((rule) => {
    if (rule.access === "protected") return false;
    const takesGet = rule.methods === undefined || rule.methods.includes("GET");
    return takesGet && path !== undefined && compilePattern(rule.path, true)(path);
  });
  if (path === undefined || isOpen) return [];
  const message =
    "no rule allows GET there without a token (access: public): browsers would be redirected in a loop";
  return [{ path: ["errors", "html", "redirect"], message }];
}

function notesOnRules({ routes, tokens }: Noted): Note[] {
  return routes.flatMap((rule, index) =>
    [
      noteOnSubject(rule),
      noteOnContact(rule, tokens),
      noteOnSuccess(rule),
      noteOnNobody(rule),
      noteOnOpaque(rule),
      noteOnUnread(rule),
      noteOnOthers(rule),
      noteOnLatest(rule),
    ].flatMap((message) => (message === undefined ? [] : [{ path: ["routes", index], message }])),
  );
}

/** With `{"code":400}` in a 200, a wrong code by mail or SMS would end the sessions of the user that it names. */
function noteOnSuccess({ subjectFrom, success }: Rule): string | undefined {
  if (success !== undefined || !namesByRequest(subjectFrom)) return undefined;
  return "only the request names the subject, and every 2xx counts: if the application answers 200 to failures too, set success to say which answers count";
}

function namesByRequest(subjectFrom: Rule["subjectFrom"]): boolean {
  if (subjectFrom === undefined || subjectFrom === "carried") return false;
  return subjectFrom.responseJson === undefined && subjectFrom.responseHeader === undefined;
}

function noteOnSubject({ subjectFrom }: Rule): string | undefined {
  if (subjectFrom === undefined || subjectFrom === "carried") return undefined;
  if (!namesByRequest(subjectFrom)) return undefined;
  const remedy = "responseJson or responseHeader names the subject that the application used";
  return subjectFrom.onUnknownOutcome === "revoke"
    ? `a client that makes the application fail here ends the sessions of any subject it names (onUnknownOutcome: revoke); ${remedy}`
    : `only the request names the subject: if the application's answer is lost, nothing is revoked (onUnknownOutcome: keep); ${remedy}`;
}

const contact = /phone|mobile|e-?mail/i;

/** The cut-off of a subject that no token has ends nothing, and looks like any other. */
function noteOnContact({ subjectFrom }: Rule, tokens: Noted["tokens"]): string | undefined {
  if (subjectFrom === undefined || subjectFrom === "carried") return undefined;
  const { requestJson, form, query, path, claim } = subjectFrom;
  const named = claim ?? requestJson ?? form ?? query ?? path;
  if (named === undefined || !contact.test(named)) return undefined;
  const claims = [...JSON.stringify(tokens).matchAll(/"subjectClaim":"([^"]*)"/g)];
  if (claims.some(([, name = ""]) => contact.test(name))) return undefined;
  return `${named} has to hold what the tokens' subject claim holds (tokens.subjectClaim): if they name users by an id, nothing ends here; responseJson or responseHeader can name the id`;
}

function noteOnNobody({ access, revoke, subjectFrom }: Rule): string | undefined {
  const endsAll = revoke === "subject" || revoke === "others";
  if (access !== "optional" || !endsAll || subjectFrom !== undefined) return undefined;
  return "a request without a token revokes nothing here; set subjectFrom to say where the subject is named";
}

function noteOnOpaque({ revoke, tokens }: Rule): string | undefined {
  if (revoke === undefined || tokens !== "opaque") return undefined;
  return "every 2xx is kept here as a revocation, whatever text was sent; limits.unprovenRevocations limits their number";
}

/** A user who changes a password stays logged in until the access token expires, and is logged out then: seldom what is meant. */
function noteOnOthers({ revoke, sparing = [] }: Rule): string | undefined {
  const sparesSent = sparing.some(
    ({ responseJson, responseHeader, responseCookie }) =>
      (responseJson ?? responseHeader ?? responseCookie) === undefined,
  );
  if (revoke !== "others" || sparesSent) return undefined;
  return "of what the request carries, only its token stays, and the session that it names (tokens.sessionClaim): a refresh token that comes with it ends, unless sparing says where it is";
}

function noteOnLatest({ only }: Rule): string | undefined {
  if (only === undefined) return undefined;
  if (only !== "latest") {
    return "sessions that began before this rule did are not counted; a logout with revoke: token leaves its session counted, revoke: session does not; a login is not answered while Redis is away";
  }
  return "a login is answered when its second is over, and not while the denylist cannot take it; tokens that it hands out elsewhere than handsOut says end with the others";
}

function noteOnUnread({ tokens, from, access }: Rule): string | undefined {
  if (tokens !== "opaque" || from !== undefined || access === "public") return undefined;
  return "no token is verified here: any text passes that has not been revoked, and the application has to check it; a JWT of the issuer's ends with its subject and session, another text only by itself (revgate revoke --opaque)";
}
