import type { FieldLines } from "../http/field-lines.ts";
import { type GateMetrics, messageOutcomes } from "../observability/metrics/requests.ts";
import type { RequestLog } from "../observability/request-log.ts";
import type { TracedRequest, Tracing } from "../observability/trace.ts";
import { clientAddress } from "./client-address.ts";
import type { ClockHints } from "./clock-hints.ts";
import { pathForLog } from "./path-for-log.ts";
import type { Outcome, Visit } from "./visit.ts";

/** Who is told what became of requests. */
export interface Records {
  readonly metrics: Pick<GateMetrics<Outcome>, "requests" | "checkSeconds" | "upstreamSeconds">;
  readonly log: RequestLog;
  /** Told of every request that has ended. */
  readonly onOutcome?: ((visit: Visit, outcome: Outcome, status?: number) => void) | undefined;
  /** Undefined if no spans are exported. */
  readonly tracing: Pick<Tracing, "record"> | undefined;
}

/** Who looks at what time the application says it is. */
export interface HintReaders {
  readonly clockHints: Pick<ClockHints, "sawResponse">;
}

/** Records how a request ended: counts it, and logs and traces it if that is configured. Once a request. */
export function recordOutcome(
  { metrics, tracing, log, onOutcome }: Records,
  visit: Visit,
  outcome: Outcome,
  status?: number,
): void {
  // What is left of a body that was read in part stands before the client's next request.
  if (visit.body !== undefined && !visit.request.readableEnded) visit.request.resume();
  metrics.requests[outcome].inc();
  onOutcome?.(visit, outcome, status);
  tracing?.record(tracedRequest(visit, outcome, status));
  log(outcome, () => requestFacts(visit, status), visit.refusedToken);
}

function requestFacts(visit: Visit, status: number | undefined): Record<string, unknown> {
  return {
    requestId: visit.requestId,
    peer: visit.peer.address,
    client: clientAddress(visit.peer, visit.headers),
    http: visit.request.httpVersion,
    method: visit.request.method,
    path: pathForLog(visit.target, visit.secretSegments),
    status,
    durationMs: Math.round((performance.now() - visit.startedMs) * 1000) / 1000,
  };
}

/** Records what became of a WebSocket's message that should log in. */
export function recordMessage(
  {
    metrics,
    log,
  }: Pick<Records, "log"> & { readonly metrics: Pick<GateMetrics<Outcome>, "messageTokens"> },
  visit: Visit,
  outcome: Outcome | "accepted",
): void {
  // A message meets nothing else that a request may meet.
  const counted = messageOutcomes.find((one) => one === outcome) ?? "internal_error";
  metrics.messageTokens[counted].inc();
  if (outcome !== "accepted") {
    log(outcome, () => ({ ...requestFacts(visit, undefined), message: true }), visit.refusedToken);
  }
}

/** Records a request that never became one. */
export function recordUnread(
  { metrics, log }: Records,
  outcome: Outcome,
  facts: { readonly peer: string; readonly cause: string | undefined },
): void {
  metrics.requests[outcome].inc();
  log(outcome, () => facts);
}

/** Records how long the checks took; returns the moment they were done, in milliseconds. */
export function recordChecks({ metrics }: Records, visit: Visit): number {
  const nowMs = performance.now();
  metrics.checkSeconds.observe((nowMs - visit.startedMs) / 1000);
  if (visit.times !== undefined) visit.times.checkedMs = nowMs;
  return nowMs;
}

/** Records how long the application took to begin its answer, and sees what time it is there. */
export function recordHead(
  { metrics, clockHints }: Records & HintReaders,
  visit: Visit,
  { sentMs, headers }: { readonly sentMs: number; readonly headers: FieldLines },
): void {
  const nowMs = performance.now();
  clockHints.sawResponse(headers, nowMs);
  metrics.upstreamSeconds.observe((nowMs - sentMs) / 1000);
  if (visit.times !== undefined) visit.times.headMs = nowMs;
}

function tracedRequest(visit: Visit, outcome: Outcome, status: number | undefined): TracedRequest {
  const { request, headers, peer, requestId, startedMs, times } = visit;
  return {
    ...{ outcome, status, requestId, startedMs },
    method: request.method ?? "",
    path: pathForLog(visit.target, visit.secretSegments),
    peer: clientAddress(peer, headers) ?? peer.address,
    scheme: peer.proto,
    host: headers.first("host") ?? "",
    checkedMs: times?.checkedMs,
    headMs: times?.headMs,
    endedMs: performance.now(),
    header: (name) => headers.first(name),
  };
}
