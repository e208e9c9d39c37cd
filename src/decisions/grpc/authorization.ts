import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { recordOutcome } from "../../gateway/record.ts";
import type { RefusalReason } from "../../gateway/verdict.ts";
import type { Outcome, Visit } from "../../gateway/visit.ts";
import { type Decision, judgeQuestion, refusalAnswer } from "../judge-question.ts";
import { requestMutation } from "../request-mutation.ts";
import { grpcStatusOf, refusalForEnvoy } from "./answers.ts";
import { beginAsked, type GrpcGate, type GrpcService, notRead } from "./grpc-service.ts";
import { readAsked, replacing } from "./header-lines.ts";
import type { CheckRequest, CheckResponse } from "./messages.ts";

type Call = ServerUnaryCall<CheckRequest, CheckResponse>;
type Respond = sendUnaryData<CheckResponse>;

/** A question on its way. */
interface Asked {
  readonly gate: GrpcGate;
  readonly visit: Visit;
  readonly call: Call;
  readonly respond: Respond;
}

/** `envoy.service.auth.v3.Authorization`: Envoy asks whether a request may pass, and does not show what becomes of it. */
export function createAuthorization(service: GrpcService): {
  readonly Check: (call: Call, respond: Respond) => void;
} {
  return {
    Check(call, respond) {
      service.guard(respond, () => {
        const gate = service.gate();
        const { source, request } = call.request.attributes ?? {};
        const head = readAsked(request?.http);
        if ("why" in head) return notRead(service, call, respond, head.why);
        const from = { address: source?.address?.socketAddress?.address, gateway: call.getPeer() };
        const { visit, tooLong } = beginAsked(gate, head, from);
        const asked = { gate, visit, call, respond };
        if (tooLong) return refuse(asked, "request_too_large");
        const decision = judgeQuestion(gate, visit);
        if (!(decision instanceof Promise)) return answer(asked, decision);
        return decision.then((late) => answer(asked, late));
      });
    },
  };
}

function answer(asked: Asked, decision: Decision): void {
  if (decision.kind === "refuse") {
    refuse(asked, decision.reason);
    return;
  }
  const { set, remove } = requestMutation(asked.gate, asked.visit, decision.admitted);
  const okResponse = { headers: replacing(set, "text"), headersToRemove: remove };
  send(asked, "allowed", 200, { status: { code: 0 }, okResponse });
}

function refuse(asked: Asked, reason: RefusalReason): void {
  const { gate, visit } = asked;
  const { status, headers, body } = refusalForEnvoy(
    refusalAnswer(gate, visit, reason),
    visit,
    reason,
  );
  send(asked, reason, status, {
    status: { code: grpcStatusOf(status), message: reason },
    deniedResponse: {
      status: { code: status },
      headers: replacing(headers, "text"),
      body: Buffer.from(body, "latin1").toString(),
    },
  });
}

function send(
  { gate, visit, call, respond }: Asked,
  outcome: Outcome,
  status: number,
  response: CheckResponse,
): void {
  if (call.cancelled) {
    recordOutcome(gate, visit, "client_gone");
    return;
  }
  respond(null, response);
  recordOutcome(gate, visit, outcome, status);
}
