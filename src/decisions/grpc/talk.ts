import { recordOutcome } from "../../gateway/record.ts";
import type { RefusalReason } from "../../gateway/verdict.ts";
import type { Outcome, Visit } from "../../gateway/visit.ts";
import type { WholeAnswer } from "../../node-http/whole-answers.ts";
import { refusalAnswer } from "../judge-question.ts";
import { grpcStatusOf, isGrpc, refusalForEnvoy } from "./answers.ts";
import type { GrpcGate } from "./grpc-service.ts";
import { replacing } from "./header-lines.ts";
import type { ProcessingRequest, ProcessingResponse } from "./processing.ts";

/** What is said with an Envoy about one request. */
export interface Talk {
  readonly gate: GrpcGate;
  readonly visit: Visit;
  readonly tooLong: boolean;
  /** Whether Envoy has ended it, or nothing is left to say. */
  isOver: boolean;
  /** What it means if Envoy ends it now. */
  onOver: () => void;
  /** What is done with the next message; at first it passes as it is. */
  next(message: ProcessingRequest): void | Promise<void>;
  /** Does nothing if it is over. */
  send(response: ProcessingResponse): void;
  /** Says that nothing is left to say: the rest passes without being shown. */
  end(): void;
}

/** Has Envoy answer a client at once, and records how the request ended. */
export function answerAtOnce(
  talk: Talk,
  outcome: Outcome,
  { status, headers, body }: Omit<WholeAnswer, "reason">,
): void {
  const { gate, visit } = talk;
  if (talk.isOver) return;
  talk.send({
    immediateResponse: {
      status: { code: status },
      headers: { setHeaders: replacing(headers, "bytes") },
      body: Buffer.from(body, "latin1"),
      ...(isGrpc(visit) ? { grpcStatus: { status: grpcStatusOf(status) } } : {}),
      details: `revgate_${outcome}`,
    },
  });
  talk.end();
  recordOutcome(gate, visit, outcome, status);
}

/** Refuses a request, or withholds its answer. */
export function refuseAtOnce(talk: Talk, reason: RefusalReason): void {
  const { gate, visit } = talk;
  const refusal = refusalAnswer(gate, visit, reason);
  answerAtOnce(talk, reason, refusalForEnvoy(refusal, visit, reason));
}

/** An attribute of the filter's `request_attributes` or `response_attributes`, if it is shown. */
export function attributeOf(
  { attributes = {} }: ProcessingRequest,
  name: string,
): string | undefined {
  for (const { fields } of Object.values(attributes)) {
    const value = fields?.[name]?.stringValue;
    if (value) return value;
  }
  return undefined;
}
