import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { type Client, isAnswer } from "../node-http/answer.ts";
import { type CorsOptions, corsHeaders } from "./cors.ts";
import { grpcFormOf } from "./grpc-answers.ts";
import { type Records, recordOutcome, recordUnread } from "./record.ts";
import type { RefusalContext, Responder } from "./respond.ts";
import type { RefusalReason } from "./verdict.ts";
import type { Reception, Visit } from "./visit.ts";

/** What refusals are sent and recorded with. */
export interface Refusals extends Records {
  readonly responder: Responder;
  readonly cors: CorsOptions;
}

/**
 * Refuses a request: sends the refusal and records it.
 *
 * `client`: the answer to the request, or the connection if the request asked for an upgrade and has none.
 */
export function refuse(
  refusals: Refusals,
  visit: Visit,
  client: Client,
  reason: RefusalReason,
): void {
  refusals.responder.sendRefusal(client, reason, refusalContext(refusals, visit));
  recordOutcome(refusals, visit, reason, isAnswer(client) ? client.status : undefined);
}

/** What the refusal of a request depends on besides its reason. */
export function refusalContext({ cors }: Pick<Refusals, "cors">, visit: Visit): RefusalContext {
  return {
    requestId: visit.requestId,
    request: {
      method: visit.request.method,
      headers: visit.headers,
      grpc: grpcFormOf(visit.request, visit.headers),
    },
    mayOmitToken: visit.mayOmitToken,
    refusedCredential: visit.credential,
    messages: visit.messages,
    corsHeaders: corsHeaders(visit.headers.first("origin"), cors),
  };
}

/** Refuses what never became a request: the parser or one of the time limits gave it up. */
export function refuseUnread(
  refusals: Refusals & Pick<Reception, "readPeer">,
  socket: Socket,
  reason: RefusalReason,
  cause: string | undefined,
): void {
  recordUnread(refusals, reason, { peer: refusals.readPeer(socket).address, cause });
  refusals.responder.sendRefusal(socket, reason, {
    requestId: randomUUID(),
    request: undefined,
    mayOmitToken: false,
    refusedCredential: undefined,
    messages: undefined,
    corsHeaders: [],
  });
}
