import { STATUS_CODES } from "node:http";
import type { Admitted } from "../gateway/checks.ts";
import type { Forwarding } from "../gateway/forwarding.ts";
import { recordOutcome } from "../gateway/record.ts";
import type { RefusalReason } from "../gateway/verdict.ts";
import type { Visit } from "../gateway/visit.ts";
import type { Answer } from "../node-http/answer.ts";
import { PreparedAnswer } from "../node-http/whole-answers.ts";
import { claimsFor } from "./identity.ts";
import { type Decision, judgeQuestion, refusalAnswer } from "./judge-question.ts";
import { hasOtherSpelling } from "./request-mutation.ts";

/** A gateway's question: the request that it asks about, and the answer that it waits for. */
export interface Question {
  readonly visit: Visit;
  readonly to: Answer;
}

/** Answers whether a request may pass, over HTTP. */
export function answerQuestion(gate: Forwarding, question: Question): void {
  guard(gate, question, () => {
    const { visit } = question;
    if (hasOtherSpelling(gate, visit)) return refuse(gate, question, "request_ambiguous");
    const decision = judgeQuestion(gate, visit);
    if (!(decision instanceof Promise)) return tell(gate, question, decision);
    return decision.then((late) => tell(gate, question, late));
  });
}

function tell(gate: Forwarding, question: Question, decision: Decision): void {
  if (decision.kind === "allow") allow(gate, question, decision.admitted);
  else refuse(gate, question, decision.reason);
}

const yes = new PreparedAnswer({
  ...{ status: 200, reason: "OK", body: "" },
  headers: ["Content-Length", "0", "Cache-Control", "no-store"],
});

function allow(gate: Forwarding, question: Question, admitted: Admitted): void {
  const { visit, to } = question;
  if (to.gone) {
    recordOutcome(gate, visit, "client_gone");
    return;
  }
  to.sendPrepared(yes, [...claimsFor(admitted), "X-Request-Id", visit.requestId]);
  recordOutcome(gate, visit, "allowed", yes.status);
}

/** A header line can be no longer in what nginx reads by default, with all others. */
const maxBodyInHeader = 2048;

/**
 * Refuses a request as the clients' port would. The reason and the body are in headers, too: nginx passes on neither
 * body nor status of most refusals.
 */
function refuse(gate: Forwarding, { visit, to }: Question, reason: RefusalReason): void {
  if (to.gone) {
    recordOutcome(gate, visit, "client_gone");
    return;
  }
  const { status, body, headers } = refusalAnswer(gate, visit, reason);
  const inHeader = body.replace(/[^ -~\u0080-\u00ff]+/g, " ");
  const isShort = inHeader !== "" && inHeader.length <= maxBodyInHeader;
  const lines = [
    ...[...headers, "X-Revgate-Error", reason],
    ...(isShort ? ["X-Revgate-Body", inHeader] : []),
    ...["X-Request-Id", visit.requestId],
  ];
  to.sendWhole({ status, reason: STATUS_CODES[status] ?? "", headers: lines, body });
  recordOutcome(gate, visit, reason, status);
}

/** Runs the steps of an answer; what they throw is answered with 500, which no gateway takes for a yes. */
function guard(gate: Forwarding, question: Question, steps: () => void | Promise<void>): void {
  const end = (error: unknown) => {
    gate.onUncaught("decisions", error);
    try {
      refuse(gate, question, "internal_error");
    } catch (second) {
      gate.onUncaught("decisions", second);
      question.to.abandon();
    }
  };
  try {
    steps()?.catch(end);
  } catch (error) {
    end(error);
  }
}
