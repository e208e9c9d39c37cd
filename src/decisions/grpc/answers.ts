import { refusals } from "../../gateway/refusals.ts";
import type { RefusalReason } from "../../gateway/verdict.ts";
import type { Visit } from "../../gateway/visit.ts";
import { eachField } from "../../http/field-lines.ts";
import type { WholeAnswer } from "../../node-http/whole-answers.ts";

/** The statuses that Envoy knows (envoy/type/v3/http_status.proto); it takes a message with another for a failure. */
const known: ReadonlySet<number> = new Set([
  ...[100, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226],
  ...[300, 301, 302, 303, 304, 305, 307, 308],
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417],
  ...[421, 422, 423, 424, 426, 428, 429, 431],
  ...[500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
]);

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
    status: known.has(status) ? status : refusals[reason].status,
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
