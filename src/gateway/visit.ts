import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { HeaderList } from "../http/field-lines.ts";
import type { Answer } from "../node-http/answer.ts";
import type { TracedRequest } from "../observability/trace.ts";
import type { VerifiedToken } from "../token/verifier.ts";
import { requestHeaders } from "../upstream/headers.ts";
import { corsHeaders } from "./cors.ts";
import type { Gate } from "./gate.ts";
import type { Peer } from "./peer.ts";
import { type ReceivedBody, receiveBody } from "./request-body.ts";
import type { RefusalContext } from "./respond.ts";
import { type Route, readsResponse } from "./route.ts";
import { refusalReasons } from "./verdict.ts";

/** How a request ended, for metrics and logs: refused for one of the reasons, or one of these. */
export const outcomes = [
  ...refusalReasons,
  "forwarded",
  "preflight_answered",
  "client_gone",
  "broken_off",
  "cut",
] as const;
/** One of them. */
export type Outcome = (typeof outcomes)[number];

/** One request on its way: what was received, and when. */
export interface Visit {
  readonly request: IncomingMessage;
  /** Undefined for an upgrade, whose request has no body. */
  readonly answer: Answer | undefined;
  readonly headers: HeaderList;
  readonly requestId: string;
  readonly peer: Peer;
  /** Milliseconds of `performance.now()`. */
  readonly startedMs: number;
  /** When the checks were done, and when the application's answer began; where spans are exported. */
  readonly times: { checkedMs: number | undefined; headMs: number | undefined } | undefined;
  /** Set on routes that need the body, when that has been read. */
  body: ReceivedBody | undefined;
  /** Credentials for which a key was sought already: that happens once a request. */
  keysSoughtFor: Set<string> | undefined;
}

const acceptableRequestId = /^[\w.:+/=@-]{1,128}$/;

/** Takes note of a request: its headers as sent, its id (its own where that can stand in a log), its peer. */
export function beginVisit(gate: Gate, request: IncomingMessage, answer?: Answer): Visit {
  const headers = new HeaderList(request.rawHeaders);
  const [sentId, ...moreIds] = headers.all("x-request-id");
  const accepted = sentId !== undefined && moreIds.length === 0 && acceptableRequestId.test(sentId);
  return {
    request,
    answer,
    headers,
    requestId: accepted ? sentId : randomUUID(),
    peer: gate.readPeer(request.socket as Socket),
    startedMs: performance.now(),
    times: gate.tracing && { checkedMs: undefined, headMs: undefined },
    body: undefined,
    keysSoughtFor: undefined,
  };
}

/** Reads the body of a request before it is known whether it may pass. */
export async function readBody(gate: Gate, visit: Visit): Promise<void> {
  askForBody(visit);
  visit.body = await receiveBody(visit.request, visit.headers, gate.bodyBytes);
}

/** Has a client that waits for it go on (RFC 9110 section 10.1.1); an HTTP/1.0 client would take it for the answer. */
export function askForBody({ request, answer, headers, body }: Visit): void {
  const waits = body === undefined && headers.has("expect") && request.httpVersionMinor > 0;
  if (waits) answer?.stream.writeContinue();
}

/** What a refusal of this request needs to know of it. */
export function refusalContext(gate: Gate, visit: Visit): RefusalContext {
  return {
    requestId: visit.requestId,
    corsHeaders: corsHeaders(visit.headers.first("origin"), gate.cors),
  };
}

/**
 * The header section with which this request reaches the application.
 *
 * Nobody is vouched for on a public route, where a token is not asked whether it has been revoked.
 */
export function forwardedHeaders(
  gate: Gate,
  visit: Visit,
  { route, token }: { readonly route: Route; readonly token: VerifiedToken | undefined },
): string[] {
  const facts = {
    peer: visit.peer.address,
    proto: visit.peer.proto,
    trusted: visit.peer.trusted,
    host: visit.headers.first("host") ?? "",
    requestId: visit.requestId,
  };
  const claims = route.access === "protected" ? token?.headers : undefined;
  const options = readsResponse(route) ? { ...gate, uncoded: true } : gate;
  return requestHeaders(visit.headers, facts, options, claims);
}

/** Counts and, where asked, logs how a request ended. */
export function endVisit(gate: Gate, visit: Visit, outcome: Outcome, status?: number): void {
  // What is left of a body that was read in part stands before the client's next request.
  if (visit.body !== undefined && !visit.request.readableEnded) visit.request.resume();
  gate.metrics.requests[outcome].inc();
  gate.tracing?.record(tracedRequest(visit, outcome, status));
  gate.log(outcome, () => ({
    requestId: visit.requestId,
    peer: visit.peer.address,
    method: visit.request.method,
    path: pathForLog(visit.request.url ?? ""),
    status,
    durationMs: Math.round((performance.now() - visit.startedMs) * 1000) / 1000,
  }));
}

function tracedRequest(visit: Visit, outcome: Outcome, status: number | undefined): TracedRequest {
  const { request, headers, peer, requestId, startedMs, times } = visit;
  return {
    ...{ outcome, status, requestId, startedMs },
    method: request.method ?? "",
    path: pathForLog(request.url ?? ""),
    peer: peer.address,
    scheme: peer.proto,
    host: headers.first("host") ?? "",
    checkedMs: times?.checkedMs,
    headMs: times?.headMs,
    endedMs: performance.now(),
    header: (name) => headers.first(name),
  };
}

/** The path alone: query strings, fragments and the user in an absolute target carry secrets. */
function pathForLog(target: string): string | undefined {
  return target.startsWith("/") ? target.split(/[?#]/, 1)[0] : undefined;
}
