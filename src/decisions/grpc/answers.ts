import { refusals } from "../../gateway/refusals.ts";
import type { RefusalReason } from "../../gateway/verdict.ts";
import type { Visit } from "../../gateway/visit.ts";
import { envoyStatuses } from "../../http/envoy-statuses.ts";
import { eachField } from "../../http/field-lines.ts";
import type { WholeAnswer } from "../../node-http/whole-answers.ts";

/** Whether the client speaks gRPC. Envoy answers it with a gRPC status then, and takes the body for its message. */
export function isGrpc({ headers }: Pick<Visit, "headers">): boolean {
  return /^application\/grpc(?:[;+]|$)/i.test(headers.first("content-type") ?? "");
}

/** What Envoy makes itself, of body and protocol. */
const ofEnvoy = new Set(["content-length", "connection"]);

/**
 * A refusal as Envoy sends it in revgate's place: to a client of gRPC with the reason for a message, and without what
 * speaks of the body.
 */
export function refusalForEnvoy(
  { status, headers, body }: WholeAnswer,
  visit: Visit,
  reason: RefusalReason,
): Omit<WholeAnswer, "reason"> {
  const toGrpc = isGrpc(visit);
  const lines: string[] = [];
  for (const [name, value] of eachField(headers)) {
    const lower = name.toLowerCase();
    if (ofEnvoy.has(lower) || (toGrpc && lower === "content-type")) continue;
    lines.push(lower, value);
  }
  lines.push("x-revgate-error", reason, "x-request-id", visit.requestId);
  return {
    status: envoyStatuses.has(status) ? status : refusals[reason].status,
    headers: lines,
    body: toGrpc ? reason : body,
  };
}

/** The status of gRPC that means the same as one of HTTP (as gRPC itself maps them). */
export function grpcStatusOf(status: number): number {
  if (status === 401) return 16;
  if (status === 403) return 7;
  return status >= 500 || status === 429 ? 14 : 13;
}
