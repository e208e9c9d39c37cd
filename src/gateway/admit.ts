import { isInBody, isInTarget, readCredential } from "../token/credential.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Admission, Admitted, Checks } from "./checks.ts";
import { clientNetwork } from "./client-address.ts";
import { isPreflight, preflightHeaders } from "./cors.ts";
import { isComplete, isWellFramed } from "./framing.ts";
import { judgeToken, lacksSubject } from "./judge-token.ts";
import { methodReadings } from "./method.ts";
import { readOtherTokens, readSparedTokens } from "./other-tokens.ts";
import type { Route } from "./route.ts";
import { readTarget, type Target } from "./target.ts";
import { type Denial, deny, type Wait } from "./verdict.ts";
import { awaitBody, readBody, type Visit } from "./visit.ts";

/** What the checks say of a request before the store is asked. */
type Judgement =
  | Admission
  | Wait
  /** All is in order, but the denylist can't answer from memory. */
  | (Omit<Admitted, "kind" | "token"> & { readonly kind: "ask"; readonly token: VerifiedToken });

/** A preflight carries nothing that could be revoked, and asks for nothing but what is allowed. */
const preflightPasses: Admitted = {
  kind: "pass",
  route: { access: "public", revoke: undefined },
  token: undefined,
  otherTokens: [],
  spared: [],
};

/**
 * The checks on the way of a request, in their order: limits, framing, target, certificate, preflight, route,
 * credential, signature, denylist.
 */
function judge(checks: Checks, visit: Visit): Judgement {
  const { request, headers } = visit;
  visit.secretSegments = checks.routes.secretSegments(undefined);
  if (!isComplete(headers)) return deny("request_too_large");
  const target = isWellFramed(request, headers)
    ? readTarget(visit.target, checks.target)
    : undefined;
  if (target === undefined) return deny("request_ambiguous");
  visit.secretSegments = checks.routes.secretSegments(target);
  if (lacksCertificate(checks, visit)) return deny("certificate_required");
  return judgePreflight(checks, visit) ?? judgeTarget(checks, visit, target);
}

/** Whether the client should have shown a certificate of one of the authorities, and has not. */
function lacksCertificate({ clientCertificates }: Checks, { peer }: Visit): boolean {
  return clientCertificates === "required" && peer.certificate?.trusted !== true;
}

/** What becomes of a preflight is the operator's choice; undefined if it is a request like any other. */
function judgePreflight({ cors, sources }: Checks, visit: Visit): Admission | undefined {
  const { request, headers } = visit;
  if (cors.preflight === "refuse" || !isPreflight(request.method, headers)) return undefined;
  // One that names another method is what that method says to some frameworks.
  if (methodReadings("OPTIONS", visit).length > 1) return undefined;
  // Browsers send none in headers: whatever carries a token there is no preflight. In its query it has the one that
  // the request will have; the application sees such a one only if the token is live.
  const looked =
    cors.preflight === "answer" ? sources.filter((source) => !isInTarget(source)) : sources;
  if (readCredential(visit, looked).kind !== "missing") return undefined;
  if (cors.preflight === "forward") return preflightPasses;
  const answer = preflightHeaders(headers, cors);
  return answer && { kind: "answer", headers: answer };
}

function judgeTarget(checks: Checks, visit: Visit, target: Target): Judgement {
  const methods = methodReadings(visit.request.method ?? "", visit);
  const found = checks.routes.find(methods, target, visit);
  if (found === undefined) return deny("request_ambiguous");
  // Its token may come in a message; what comes with the handshake must be live anyway.
  const route: Route = awaitsMessage(found, visit) ? { ...found, access: "optional" } : found;
  visit.messages = route.messages;
  if (carriesPackets(route, methods)) return deny("request_ambiguous");
  const withoutBody = judgeBody(checks, visit, route);
  if (withoutBody !== undefined) return withoutBody;
  if (route.refuses) return deny("request_ambiguous");
  return judgeCredential(checks, visit, route);
}

/** What its tokens say of a request whose body is there, if a token may be in it. */
function judgeCredential(checks: Checks, visit: Visit, route: Route): Judgement {
  const verdict = judgeToken(checks, visit, route);
  if (verdict.kind === "deny" || verdict.kind === "wait") return verdict;
  if (verdict.token !== undefined && lacksSubject(route, verdict.token)) {
    checks.metrics.tokensWithoutSubject.inc();
    checks.log.tokenWithoutSubject(visit.requestId);
    return deny("token_invalid");
  }

  const otherTokens = readOtherTokens(checks, route, visit);
  if ("kind" in otherTokens) return otherTokens;
  const spared = readSparedTokens(checks, route, visit);
  if ("kind" in spared) return spared;
  if (verdict.kind === "ask")
    return { kind: "ask", route, token: verdict.token, otherTokens, spared };
  return { kind: "pass", route, token: verdict.token, otherTokens, spared };
}

/** Methods in whose requests Engine.IO looks for no packets. */
const withoutPackets = ["GET", "HEAD", "OPTIONS"];

/** Whether the body may hold messages in which tokens are judged on WebSockets: socket.io's long polling sends them so. */
function carriesPackets({ messageToken }: Route, methods: readonly string[]): boolean {
  return (
    messageToken?.protocol === "socket.io" &&
    methods.some((method) => !withoutPackets.includes(method))
  );
}

/** Whether the token of a WebSocket may come later (RFC 6455 section 4.1: an application takes no other for one). */
function awaitsMessage({ awaitsToken }: Route, { isHandshake, headers }: Visit): boolean {
  if (awaitsToken !== true || !isHandshake) return false;
  return headers.first("sec-websocket-version") === "13" && headers.has("sec-websocket-key");
}

/** Whether a request is refused or has to wait because of its body; undefined: it goes on. */
function judgeBody(checks: Checks, visit: Visit, route: Route): Denial | Wait | undefined {
  const { body } = visit;
  if (route.needsBody && body === undefined) {
    const refusal = judgeHead(checks, visit, route);
    return refusal ?? { kind: "wait", what: "body", ready: awaitBody(visit, checks) };
  }
  if (body?.brokenOff === undefined) return undefined;
  return deny(body.brokenOff === "stalled" ? "request_timeout" : "checks_busy");
}

/**
 * Why a request is refused, or has to wait, by its head alone; undefined if its body has to be read. So no body is read
 * without a token, unless the token may be in it.
 *
 * Once the body is read, fewer rules may apply (those that ask for it only revoke) or more (it may name another method):
 * no token passes by that which would not have passed.
 */
function judgeHead(checks: Checks, visit: Visit, route: Route): Denial | Wait | undefined {
  if (route.access === "public") return undefined;
  const sources = route.from ?? checks.sources;
  if (sources.some(isInBody) && readCredential(visit, sources).kind === "missing") return undefined;
  const verdict = judgeToken(checks, visit, route);
  if (verdict.kind === "wait") return verdict;
  // Whether a cut-off can be made matters only if one is to be.
  return verdict.kind === "deny" && verdict.reason !== "denylist_unavailable" ? verdict : undefined;
}

/**
 * Takes a request through all checks. What they say is a value if memory can answer, else a promise of
 * one, which never rejects.
 *
 * Act on it at once, before anything else is awaited: nothing that comes in later has been looked at.
 * To judge a request again, call it again; what was read of its body is kept in the visit.
 */
export function admit(checks: Checks, visit: Visit): Admission | Promise<Admission> {
  const admission = check(checks, visit);
  const { observe } = checks;
  if (observe === undefined) return admission;
  return admission instanceof Promise
    ? admission.then((late) => observe(visit, late))
    : observe(visit, admission);
}

/** The same for a message of a WebSocket, which is the body of a visit of its own: whether its token lets it pass. */
export function admitMessage(
  checks: Checks,
  visit: Visit,
  route: Route,
): Admission | Promise<Admission> {
  return check(checks, visit, () => judgeCredential(checks, visit, route));
}

function check(
  checks: Checks,
  visit: Visit,
  judgeAgain: () => Judgement = () => judge(checks, visit),
): Admission | Promise<Admission> {
  const judgement = judgeAgain();
  switch (judgement.kind) {
    case "wait":
      return wait(checks, visit, judgement, judgeAgain);
    case "ask":
      return askDenylist(checks, visit, { ...judgement, kind: "pass" }, judgement.token);
    default:
      return judgement;
  }
}

/**
 * Judges a request again when what it waits for may be there. A sender of forged tokens can have any number
 * of requests wait for keys and turns: both are bounded.
 */
async function wait(
  checks: Checks,
  visit: Visit,
  judgement: Wait,
  judgeAgain: () => Judgement,
): Promise<Admission> {
  if (judgement.what === "turn") {
    visit.hasTurn = await checks.checkTurns.wait(visit);
    if (!visit.hasTurn) return deny("checks_busy");
  } else if (judgement.what === "key") {
    const isReady = await checks.waitForKeys(clientNetwork(visit), judgement.ready);
    if (!isReady) return deny("keys_unavailable");
  } else {
    const body = await judgement.ready;
    return checks.bodyTurns.charge(() => {
      readBody(visit, body);
      return check(checks, visit, judgeAgain);
    });
  }
  return check(checks, visit, judgeAgain);
}

/**
 * Asks the store about a token that memory could not clear.
 *
 * Table and answer are put together in one synchronous step, right before the request is forwarded: a
 * revocation that came in while the store was asked counts.
 */
async function askDenylist(
  { denylist }: Checks,
  visit: Visit,
  admitted: Admitted,
  token: VerifiedToken,
): Promise<Admission> {
  try {
    const standing = await denylist.ask(token);
    const revoked = standing === "revoked" || denylist.lookUp(token) === "revoked";
    if (!revoked) return admitted;
    visit.refusedToken = token.id;
    if (admitted.route.reused !== undefined) visit.reusedToken = token;
    return deny("token_revoked");
  } catch {
    return deny("denylist_unavailable");
  }
}
