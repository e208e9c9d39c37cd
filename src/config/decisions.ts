import type { SettingPath } from "./document.ts";
import { methodInBodyProblems } from "./method-in-body.ts";

/** A setting that can't be kept where gateways only ask. */
interface Problem {
  readonly path: SettingPath;
  readonly message: string;
}

type Status = number | { readonly [reason in string]?: number | undefined } | undefined;

/** What of a configuration has to do with it. */
interface Asked {
  readonly decisions?: { readonly question?: string; readonly methodInBody?: string } | undefined;
  readonly routes: readonly Rule[];
  readonly logout?: unknown;
  readonly cors: { readonly preflight: string };
  readonly listen: { readonly tls?: { readonly clientCaFile?: string | undefined } | undefined };
  readonly errors: { readonly status?: Status };
}

interface Rule {
  readonly path: string;
  readonly methods?: readonly string[] | undefined;
  readonly access: string;
  readonly revoke?: unknown;
  readonly tokens?: unknown;
  readonly when?: { readonly requestJson?: string | undefined } | undefined;
  readonly graphql?: unknown;
  readonly subjectFrom?: unknown;
  readonly success?: unknown;
  readonly handsOut?: unknown;
  readonly only?: unknown;
  readonly session?: unknown;
  readonly reused?: unknown;
  readonly firstMessage?: unknown;
  readonly from?: readonly object[] | undefined;
  readonly alsoRevoke?: readonly object[] | undefined;
  readonly sparing?: readonly object[] | undefined;
}

const unseenBody = "expected none beside decisions: gateways do not show the body of a request";
const unseenAnswer =
  "expected none beside decisions: gateways do not show the application's answer";

/**
 * What a configuration asks for that can't be done for gateways that only ask: they show neither bodies nor answers, so
 * that a rule may revoke on the ground of the token alone that a request carries in its head.
 */
export function decisionProblems(settings: Asked): Problem[] {
  if (settings.decisions === undefined) return [];
  const problems: Problem[] = settings.routes.flatMap((rule, index) =>
    [...headProblems(rule), ...(seesAnswers(settings) ? [] : blindProblems(rule))].map(
      ({ path, message }) => ({ path: ["routes", index, ...path], message }),
    ),
  );
  if (settings.decisions.methodInBody !== "never") {
    problems.push(...methodInBodyProblems(settings.routes));
  }
  if (settings.listen.tls?.clientCaFile !== undefined) {
    const message =
      "expected none beside decisions: gateways do not show their clients' certificates";
    problems.push({ path: ["listen", "tls", "clientCaFile"], message });
  }
  return seesAnswers(settings) ? problems : [...problems, ...ownAnswerProblems(settings)];
}

/** Whether gateways show the application's answer, and wait. */
function seesAnswers({ decisions }: Asked): boolean {
  return decisions?.question === "ext_proc";
}

/** Answers of revgate's own that a gateway would take for a yes, or can't send. */
function ownAnswerProblems({ cors, logout, errors }: Asked): Problem[] {
  const problems: Problem[] = [];
  if (cors.preflight === "answer") {
    const message =
      "expected refuse or forward beside decisions: a gateway passes a request on for every 2xx, and answers none with it";
    problems.push({ path: ["cors", "preflight"], message });
  }
  for (const path of passedStatuses(errors.status)) {
    const message =
      "expected 300 or more beside decisions: a gateway passes a request on for every 2xx";
    problems.push({ path: ["errors", "status", ...path], message });
  }
  if (logout !== undefined) {
    const message =
      "expected none beside decisions: revgate can't answer in the place of the application there; write a rule with revoke for the application's own logout";
    problems.push({ path: ["logout"], message });
  }
  return problems;
}

/** Where a refusal has a status that a gateway takes for a yes. */
function passedStatuses(status: Status): SettingPath[] {
  if (typeof status !== "object") return status !== undefined && status < 300 ? [[]] : [];
  return Object.entries(status).flatMap(([reason, each]) =>
    each !== undefined && each < 300 ? [[reason]] : [],
  );
}

/** What needs the body of a request. */
function headProblems(rule: Rule): Problem[] {
  return [...placeProblems(rule, inBody, unseenBody), ...conditionProblems(rule)];
}

/** What needs the application's answer. */
function blindProblems(rule: Rule): Problem[] {
  return [
    ...placeProblems(rule, inAnswer, unseenAnswer),
    ...answerProblems(rule),
    ...namedProblems(rule),
  ];
}

const inBody = ["requestJson", "form"] as const;
const inAnswer = ["responseJson", "responseHeader", "responseCookie"] as const;

function placeProblems(rule: Rule, unseen: readonly string[], message: string): Problem[] {
  return (["from", "alsoRevoke", "sparing"] as const).flatMap((setting) =>
    (rule[setting] ?? []).flatMap((place, index) =>
      unseen
        .filter((name) => name in place)
        .map((name) => ({ path: [setting, index, name], message })),
    ),
  );
}

function conditionProblems({ when, graphql, firstMessage, subjectFrom }: Rule): Problem[] {
  const problems: Problem[] = [];
  if (firstMessage !== undefined) {
    const message =
      "expected none beside decisions: gateways do not show what is sent through a WebSocket";
    problems.push({ path: ["firstMessage"], message });
  }
  if (typeof subjectFrom === "object" && subjectFrom !== null) {
    for (const name of inBody.filter((each) => each in subjectFrom)) {
      problems.push({ path: ["subjectFrom", name], message: unseenBody });
    }
  }
  if (when?.requestJson !== undefined) {
    problems.push({ path: ["when", "requestJson"], message: unseenBody });
  }
  if (graphql !== undefined) problems.push({ path: ["graphql"], message: unseenBody });
  return problems;
}

function answerProblems(rule: Rule): Problem[] {
  const settings = ["success", "handsOut", "only", "session", "reused"] as const;
  return settings
    .filter((setting) => rule[setting] !== undefined)
    .map((setting) => ({ path: [setting], message: unseenAnswer }));
}

/** Anyone who asks could end the sessions of any user: no answer of the application's says that it agreed. */
function namedProblems({ subjectFrom, tokens, revoke }: Rule): Problem[] {
  const problems: Problem[] = [];
  if (subjectFrom !== undefined && subjectFrom !== "carried") {
    const message =
      "expected carried, or none, beside decisions: a rule revokes there when it is asked, and a client could name any subject";
    problems.push({ path: ["subjectFrom"], message });
  }
  if (tokens === "opaque" && revoke !== undefined) {
    const message =
      "expected jwt beside decisions and revoke: a rule revokes there when it is asked, and any text would be kept as a revocation";
    problems.push({ path: ["tokens"], message });
  }
  return problems;
}
