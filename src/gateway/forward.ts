import type { Denylist } from "../denylist/denylist.ts";
import type { Answer } from "../node-http/answer.ts";
import type { CutReason, GateMetrics } from "../observability/metrics/requests.ts";
import { withSessions } from "../revocation/sessions.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { ApplicationPools } from "../upstream/application-pool.ts";
import type { CutAnswer, ForwardOutcome } from "../upstream/forward-options.ts";
import { forwardRequest } from "../upstream/forward-request.ts";
import type { Hold } from "../upstream/held-response.ts";
import { type RequestHeaderOptions, requestTrailers } from "../upstream/request-headers.ts";
import { admit } from "./admit.ts";
import type { Admitted, Checks } from "./checks.ts";
import { forwardedHeaders, forwardedTarget } from "./forwarded-headers.ts";
import { isGrpcCall } from "./grpc-answers.ts";
import { watchHandedOut } from "./handed-out.ts";
import { linkHandedOut } from "./handed-out-links.ts";
import { holdFor } from "./hold.ts";
import type { Carried, HoldOptions } from "./hold-options.ts";
import { type LiveConnections, watchLive } from "./live-connections.ts";
import { nobody, subjectsInRequest } from "./named-subjects.ts";
import { answerLogout } from "./own-logout.ts";
import { pathForLog } from "./path-for-log.ts";
import { type HintReaders, recordHead, recordOutcome } from "./record.ts";
import { refusalContext, refuse } from "./refuse.ts";
import { guardStep, type LastResort } from "./uncaught.ts";
import { countUnproven, type UnprovenBudget } from "./unproven.ts";
import { askForBody, type Outcome, type Visit } from "./visit.ts";

/** What admitted requests are forwarded with, and what a revoking one is held by. */
export interface Forwarding
  extends LastResort,
    Omit<RequestHeaderOptions, "uncoded" | "upgrades">,
    Checks,
    HintReaders,
    Pick<
      HoldOptions,
      "clock" | "lifetimes" | "onUnknownOutcome" | "verifier" | "holdTimeoutMs" | "bodyBytes"
    > {
  readonly application: ApplicationPools;
  readonly live: Pick<LiveConnections, "add">;
  readonly denylist: Pick<
    Denylist,
    "intend" | "revoke" | "lookUp" | "ask" | "sessionOf" | "sessionsOf" | "knownBeginning"
  >;
  readonly unproven: UnprovenBudget;
  readonly unprovenLinks: UnprovenBudget;
  readonly metrics: GateMetrics<Outcome>;
}

/**
 * Forwards a request that may pass, and its response back. On a revoking route first the intent goes to
 * disk, and the response is held until the revocation is in force.
 */
export function forward(
  gate: Forwarding,
  visit: Visit,
  answer: Answer,
  { admitted, checkedMs }: { readonly admitted: Admitted; readonly checkedMs: number },
): void {
  const { answered } = admitted.route;
  const send = (hold: Hold | undefined) => {
    if (answered !== undefined) {
      guardStep(gate, visit, answer, () => answerLogout(gate, visit, answer, { answered, hold }));
      return;
    }
    askForBody(visit);
    forwardOne(gate, visit, answer, { admitted, checkedMs, hold });
  };

  const hold = holdOn(gate, visit, admitted);
  if (hold !== undefined) answer.keepPlace();
  // Only a revoking request waits here: for the note that it is about to be sent.
  if (hold === undefined) {
    send(watchOn(gate, visit, admitted));
    return;
  }
  const refuseIt = () => refuse(gate, visit, answer, "denylist_unavailable");
  guardStep(gate, visit, answer, () => hold.then(sendIfAdmitted, refuseIt));

  /** The disk may have been slow: what was revoked meanwhile counts for this request too. */
  async function sendIfAdmitted(intended: Hold): Promise<void> {
    const again = admit(gate, visit);
    // Without a pause if memory can answer, as the first time.
    const admission = again instanceof Promise ? await again : again;
    if (admission.kind === "pass") return send(intended);
    void intended.onLost(false);
    if (admission.kind === "deny") refuse(gate, visit, answer, admission.reason);
  }
}

/** Sends it, and has it end with its token. */
function forwardOne(
  gate: Forwarding,
  visit: Visit,
  answer: Answer,
  sending: {
    readonly admitted: Admitted;
    readonly checkedMs: number;
    readonly hold: Hold | undefined;
  },
): void {
  const { admitted, checkedMs, hold } = sending;
  const isGrpc = isGrpcCall(visit.request, visit.headers);
  let cutFor: CutReason = "token_revoked";
  const watch = (cut: CutAnswer) =>
    watchLive(gate.live, admitted, (reason) => {
      cutFor = reason;
      cut(isGrpc ? gate.responder.callTrailers(reason, refusalContext(gate, visit)) : undefined);
    });
  let forget = () => {};
  let ended = false;
  const cut = forwardRequest(gate.application.poolFor(isGrpc), {
    request: visit.request,
    answer,
    target: forwardedTarget(gate, visit),
    received: visit.body?.bytes,
    headers: forwardedHeaders(gate, visit, admitted),
    passTrailers: (trailers) => requestTrailers(trailers, visit.headers, gate),
    addsVia: gate.addsVia,
    // A call has a deadline of its own.
    streams: isGrpc || admitted.route.streams === true,
    hold,
    onHead: (headers) => recordHead(gate, visit, { sentMs: checkedMs, headers }),
    onStreaming: isGrpc ? () => () => {} : watch,
    onEnd(outcome) {
      ended = true;
      forget();
      if (outcome.kind === "cut" && !answer.begun) refuse(gate, visit, answer, cutFor);
      else finish(gate, visit, answer, outcome);
    },
  });
  // A client that streams may send for long before there is an answer.
  if (isGrpc && !ended) forget = watch(cut);
}

/** What holds the application's answer back, where it may revoke something. */
export function holdOn(
  gate: Forwarding,
  visit: Visit,
  admitted: Admitted,
): Promise<Hold> | undefined {
  const { route, token, further, spared } = admitted;
  // Most requests: nothing is put together for them.
  if (route.revoke === undefined && route.only === undefined) return undefined;
  const sent = token === undefined ? [] : [token];
  const endsOwn = route.revoke !== undefined && route.sparesCarried !== true;
  const own = endsOwn ? sent.map((each) => asItStands(gate, each)) : [];
  const { names } = gate.verifier;
  const named = subjectsInRequest(route, visit, names);
  const subjects = route.expectsCarried && token === undefined ? [...named, nobody] : named;
  const unproven = countUnproven(gate, admitted, subjects);
  const kept = [...sent, ...spared];
  const carried = { tokens: [...own, ...further], kept, subjects, unproven };
  const options = holdOptions(gate, visit);
  if (!needsSessions(route)) return holdFor(route, carried, options);
  return carriedWithSessions(gate, carried).then(
    (linked) => holdFor(route, linked, options) ?? releasesAtOnce,
  );
}

/** The token that a request carried, marked if it has been revoked. */
function asItStands({ denylist }: Forwarding, token: VerifiedToken): VerifiedToken {
  return denylist.lookUp(token) === "revoked" ? { ...token, isDead: true } : token;
}

const releasesAtOnce: Hold = { onResponse: () => undefined, onLost: async () => {} };

/** Whether it matters on a route to which session a token was linked. */
function needsSessions({ revoke, session }: Admitted["route"]): boolean {
  return revoke === "session" || revoke === "others" || session === "continues";
}

async function carriedWithSessions({ denylist }: Forwarding, carried: Carried): Promise<Carried> {
  const [tokens, kept] = await Promise.all([
    withSessions(carried.tokens, denylist),
    withSessions(carried.kept ?? [], denylist),
  ]);
  return { ...carried, tokens, kept };
}

function holdOptions(gate: Forwarding, visit: Visit): HoldOptions {
  return {
    verifier: gate.verifier,
    denylist: gate.denylist,
    clock: gate.clock,
    lifetimes: gate.lifetimes,
    onUnknownOutcome: gate.onUnknownOutcome,
    holdTimeoutMs: gate.holdTimeoutMs,
    bodyBytes: gate.bodyBytes,
    onHold: gate.metrics.startHold,
    onLost: gate.metrics.onUnknownOutcome,
    onSessionUnknown: () => {
      gate.metrics.sessionsNotFound.inc();
      gate.log.sessionUnknown(visit.requestId);
    },
    onSubjectUnknown: () => {
      gate.metrics.subjectsNotFound.inc();
      gate.log.subjectUnknown(visit.requestId);
    },
    onUnreadable: () => {
      gate.metrics.outcomesUnread.inc();
      gate.log.outcomeUnread(visit.requestId);
    },
    ...toldOfHandedOut(gate, visit),
    onRedirection: (status) =>
      gate.log.redirected(status, pathForLog(visit.target, visit.secretSegments)),
    onSubjectKept: () => {
      gate.metrics.subjectsKept.inc();
      gate.log.subjectKept(visit.requestId);
    },
    unproven: watched(gate, visit),
  };
}

/** Who is told of the tokens that an answer hands out, or that it hands out none. */
function toldOfHandedOut(gate: Forwarding, visit: Visit) {
  return {
    onHandedOut(tokens: readonly VerifiedToken[]) {
      const revoked = tokens.filter((each) => gate.denylist.lookUp(each) === "revoked");
      for (const { id } of revoked) tellRevoked(gate, visit, id);
    },
    onNothingHandedOut() {
      gate.metrics.nothingHandedOut.inc();
      gate.log.nothingHandedOut(visit.requestId);
    },
  };
}

/** What looks at the tokens that the application's answer hands out, if a rule says where. */
export function watchOn(
  gate: Forwarding,
  visit: Visit,
  { route, token }: Admitted,
): Hold | undefined {
  const { verifier, denylist, bodyBytes } = gate;
  const { handsOut: sources } = route;
  if (sources === undefined) return undefined;
  if (route.session !== undefined) {
    const onUnlinked = (cause: Error) => {
      gate.metrics.linksLate.inc();
      gate.log.linkLate(visit.requestId, cause);
    };
    const onTooManyLinks = () => {
      gate.metrics.linksUnproven.inc();
      gate.log.linksUnproven(visit.requestId);
    };
    const onHold = gate.metrics.startHold;
    const told = { ...toldOfHandedOut(gate, visit), onHold, onUnlinked, onTooManyLinks };
    return linkHandedOut(route, token, { ...gate, ...told });
  }
  const onRevoked = (id: string) => tellRevoked(gate, visit, id);
  return watchHandedOut({ sources, verifier, denylist, bodyBytes, onRevoked });
}

/** Counts and logs that a token was handed out which had been revoked. */
function tellRevoked({ metrics, log }: Forwarding, { requestId }: Visit, id: string): void {
  metrics.revokedHandedOut.inc();
  log.revokedHandedOut(requestId, id);
}

/** The budget of unproven revocations; that it was used up is counted and logged. */
function watched({ unproven, metrics, log }: Forwarding, { requestId }: Visit): UnprovenBudget {
  return {
    giveBack: unproven.giveBack,
    take(count) {
      const taken = unproven.take(count);
      if (!taken) {
        metrics.unprovenRefused.inc();
        log.unprovenRefused(requestId);
      }
      return taken;
    },
  };
}

function finish(gate: Forwarding, visit: Visit, answer: Answer, outcome: ForwardOutcome): void {
  switch (outcome.kind) {
    case "completed":
      recordOutcome(gate, visit, "forwarded", outcome.status);
      break;
    case "failed":
      gate.log.upstreamFailure(visit.requestId, outcome.cause);
      refuse(gate, visit, answer, outcome.reason);
      break;
    case "withheld":
      gate.log.withheld(visit.requestId, outcome.cause);
      refuse(gate, visit, answer, "revocation_pending");
      break;
    case "broken_off":
      gate.log.upstreamFailure(visit.requestId, outcome.cause);
      recordOutcome(gate, visit, "broken_off", answer.status);
      break;
    case "cut":
      recordOutcome(gate, visit, "cut", answer.status);
      break;
    case "request_incomplete":
      refuse(gate, visit, answer, "request_timeout");
      break;
    case "client_stalled":
      recordOutcome(gate, visit, "client_stalled", answer.status);
      break;
    case "client_gone":
      recordOutcome(gate, visit, "client_gone");
  }
}
