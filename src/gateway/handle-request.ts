import type { IncomingMessage } from "node:http";
import type { Answer } from "../node-http/answer.ts";
import { readCredential } from "../token/credential.ts";
import type { VerifiedToken } from "../token/verifier.ts";
import { type ForwardOutcome, forwardRequest } from "../upstream/forward-request.ts";
import type { Hold } from "../upstream/held-response.ts";
import { isPreflight, preflightHeaders } from "./cors.ts";
import { decide } from "./decide.ts";
import { isComplete, isWellFramed } from "./framing.ts";
import { readFurtherTokens, verifierFor } from "./further-tokens.ts";
import type { Gate } from "./gate.ts";
import { holdFor } from "./hold.ts";
import type { Cut } from "./live-connections.ts";
import { methodReadings } from "./method.ts";
import { subjectsInRequest } from "./named-subjects.ts";
import type { Route } from "./route.ts";
import { readTarget } from "./target.ts";
import type { RefusalReason } from "./verdict.ts";
import {
  askForBody,
  beginVisit,
  endVisit,
  forwardedHeaders,
  readBody,
  refusalContext,
  type Visit,
} from "./visit.ts";

/** A request that may pass. */
export interface Admitted {
  readonly route: Route;
  readonly token: VerifiedToken | undefined;
  /** What else it carries that the route would revoke. */
  readonly further: readonly VerifiedToken[];
}

/** What the checks say of a request, before the store is asked. */
type Judgement =
  | { readonly kind: "refuse"; readonly reason: RefusalReason }
  | ({ readonly kind: "pass" } & Admitted)
  | ({ readonly kind: "ask"; readonly token: VerifiedToken } & Admitted)
  /** Nobody can say before that is settled; then all is asked again. */
  | { readonly kind: "wait"; readonly ready: Promise<void> };

/**
 * The checks on the way of a request, in their order: limits, framing, target, route, credential,
 * signature, denylist.
 */
function judge(gate: Gate, visit: Visit): Judgement {
  const { headers, body } = visit;
  if (!isComplete(headers)) return refused("request_too_large");
  const route = findRoute(gate, visit);
  if (route === undefined) return refused("request_ambiguous");

  if (route.needsBody && body === undefined) {
    return { kind: "wait", ready: readBody(gate, visit) };
  }

  const credential = readCredential(headers, route.from ?? gate.sources, body?.fields);
  const verdict = decide({
    route,
    credential,
    verify: verifierFor(gate, route, visit),
    lookUp: gate.denylist.lookUp,
  });
  if (verdict.kind === "deny") return refused(verdict.reason);
  if (verdict.kind === "wait") return verdict;

  const further = readFurtherTokens(gate, route, visit);
  if ("kind" in further) return further.kind === "wait" ? further : refused(further.reason);
  if (verdict.kind === "ask") return { kind: "ask", route, token: verdict.token, further };
  return { kind: "pass", route, token: verdict.token, further };
}

/** What holds for a request; undefined where it can be read in more than one way. */
function findRoute(gate: Gate, { request, headers }: Visit): Route | undefined {
  if (!isWellFramed(request, headers)) return undefined;
  const target = readTarget(request.url ?? "", gate.target);
  if (target === undefined) return undefined;
  return gate.routes.find(methodReadings(request.method ?? "", headers), target);
}

function refused(reason: RefusalReason): Judgement {
  return { kind: "refuse", reason };
}

/**
 * Asks the store about a token that memory could not clear.
 *
 * Table and answer are put together in one synchronous step, right before the request is forwarded: a
 * revocation that came in while the store was asked counts.
 */
async function askDenylist(gate: Gate, token: VerifiedToken): Promise<RefusalReason | undefined> {
  try {
    const standing = await gate.denylist.ask(token);
    const revoked = standing === "revoked" || gate.denylist.lookUp(token) === "revoked";
    return revoked ? "token_revoked" : undefined;
  } catch {
    return "denylist_unavailable";
  }
}

/**
 * Takes a request through the checks, the store's answer included, and calls one of the two.
 *
 * `pass` is called synchronously where memory can answer, so that nothing can come in between.
 */
export function admit(
  gate: Gate,
  visit: Visit,
  pass: (admitted: Admitted) => void,
  refuse: (reason: RefusalReason) => void,
): void {
  const judgement = judge(gate, visit);
  if (judgement.kind === "refuse") {
    refuse(judgement.reason);
  } else if (judgement.kind === "pass") {
    pass(judgement);
  } else if (judgement.kind === "wait") {
    void judgement.ready.then(() => admit(gate, visit, pass, refuse));
  } else {
    void askDenylist(gate, judgement.token).then((reason) => {
      if (reason === undefined) pass(judgement);
      else refuse(reason);
    });
  }
}

/**
 * The way of a request, from its head to the application and back.
 *
 *     limits ─ framing ─ target ─ route ─ credential ─ signature ─ denylist ─ intent ─ forward ─ hold ─ release
 *       431      400      400               401          401       401/503             502/504   503
 */
export function createRequestHandler(currentGate: () => Gate) {
  return function handleRequest(request: IncomingMessage, answer: Answer): void {
    // Whatever is reloaded meanwhile, a request is judged by one configuration from head to end.
    const gate = currentGate();
    const visit = beginVisit(gate, request, answer);
    if (answerPreflight(gate, visit, answer)) return;

    admit(
      gate,
      visit,
      (admitted) => forward(gate, visit, answer, admitted),
      (reason) => refuse(gate, visit, answer, reason),
    );
  };
}

function refuse(gate: Gate, visit: Visit, answer: Answer, reason: RefusalReason): void {
  observeCheck(gate, visit);
  say(gate, visit, answer, reason);
}

/** Answers for revgate itself. */
function say(gate: Gate, visit: Visit, answer: Answer, reason: RefusalReason): void {
  gate.responder.refuse(answer, reason, refusalContext(gate, visit));
  endVisit(gate, visit, reason, answer.status);
}

function forward(
  gate: Gate,
  visit: Visit,
  answer: Answer,
  { route, token, further }: Admitted,
): void {
  const sentMs = observeCheck(gate, visit);
  const send = (hold: Hold | undefined) => {
    askForBody(visit);
    forwardRequest(gate.application, {
      request: visit.request,
      answer,
      received: visit.body?.bytes,
      headers: forwardedHeaders(gate, visit, { route, token }),
      hold,
      onHead: () => observeHead(gate, visit, sentMs),
      onStreaming: (cut) => watchLive(gate, { route, token }, cut),
      onEnd: (outcome) => finish(gate, visit, answer, outcome),
    });
  };

  const hold = holdOn(gate, visit, { route, token, further });
  // Only a revoking request waits here: for the note that it is about to be sent.
  if (hold === undefined) send(undefined);
  else void hold.then(send, () => say(gate, visit, answer, "denylist_unavailable"));
}

/** What holds the application's answer back, where it may revoke something. */
function holdOn(
  gate: Gate,
  visit: Visit,
  { route, token, further }: Admitted,
): Promise<Hold> | undefined {
  // Most requests: nothing is put together for them.
  if (route.revoke === undefined) return undefined;
  const own = token === undefined || route.sparesCarried ? [] : [token];
  const carried = { tokens: [...own, ...further], subjects: subjectsInRequest(route, visit) };
  return holdFor(route, carried, {
    denylist: gate.denylist,
    clock: gate.clock,
    lifetimes: gate.lifetimes,
    onUnknownOutcome: gate.onUnknownOutcome,
    bodyBytes: gate.bodyBytes,
    onHold: gate.metrics.startHold,
    onLost: gate.metrics.onUnknownOutcome,
    onSubjectUnknown: () => {
      gate.metrics.subjectsNotFound.inc();
      gate.log.subjectUnknown(visit.requestId);
    },
  });
}

/** Has what goes on under a token end with it; returns what to call when it has ended by itself. */
export function watchLive(
  { live }: Gate,
  { route, token }: Pick<Admitted, "route" | "token">,
  cut: Cut,
): () => void {
  // On a public route nothing depends on the token; and the answer to a logout outlives what it ends.
  const depends = route.access === "protected" && route.revoke === undefined;
  return token !== undefined && depends ? live.add(token, cut) : () => {};
}

function finish(gate: Gate, visit: Visit, answer: Answer, outcome: ForwardOutcome): void {
  switch (outcome.kind) {
    case "completed":
      endVisit(gate, visit, "forwarded", outcome.status);
      break;
    case "failed":
      gate.log.upstreamFailure(visit.requestId, outcome.cause);
      say(gate, visit, answer, outcome.reason);
      break;
    case "withheld":
      gate.log.withheld(visit.requestId, outcome.cause);
      say(gate, visit, answer, "revocation_pending");
      break;
    case "broken_off":
      gate.log.upstreamFailure(visit.requestId, outcome.cause);
      endVisit(gate, visit, "broken_off", answer.status);
      break;
    case "cut":
      endVisit(gate, visit, "cut", answer.status);
      break;
    case "client_gone":
      endVisit(gate, visit, "client_gone");
  }
}

/** A preflight never carries a token; what becomes of it is the operator's choice. */
function answerPreflight(gate: Gate, visit: Visit, answer: Answer): boolean {
  if (gate.cors.preflight === "refuse" || !isPreflight(visit.request.method, visit.headers)) {
    return false;
  }
  const wellFormed =
    isComplete(visit.headers) &&
    isWellFramed(visit.request, visit.headers) &&
    readTarget(visit.request.url ?? "", gate.target) !== undefined &&
    readCredential(visit.headers, gate.sources).kind === "missing";
  if (!wellFormed) return false;

  if (gate.cors.preflight === "forward") {
    forward(gate, visit, answer, {
      route: { access: "public", revoke: undefined },
      token: undefined,
      further: [],
    });
    return true;
  }
  const headers = preflightHeaders(visit.headers, gate.cors);
  if (headers === undefined) return false;
  answer.stream.writeHead(204, [...headers]).end();
  endVisit(gate, visit, "preflight_answered", 204);
  return true;
}

/** Notes how long the checks took; returns the moment they were done, in milliseconds. */
function observeCheck(gate: Gate, visit: Visit): number {
  const nowMs = performance.now();
  gate.metrics.checkSeconds.observe((nowMs - visit.startedMs) / 1000);
  if (visit.times !== undefined) visit.times.checkedMs = nowMs;
  return nowMs;
}

/** Notes how long the application took to begin its answer. */
function observeHead(gate: Gate, visit: Visit, sentMs: number): void {
  const nowMs = performance.now();
  gate.metrics.upstreamSeconds.observe((nowMs - sentMs) / 1000);
  if (visit.times !== undefined) visit.times.headMs = nowMs;
}
