import type { ServerResponse } from "node:http";
import { admit } from "../gateway/admit.ts";
import type { Admission } from "../gateway/checks.ts";
import { type Forwarding, holdOn } from "../gateway/forward.ts";
import { recordChecks, recordOutcome } from "../gateway/record.ts";
import { refusals } from "../gateway/refusals.ts";
import { refusalContext } from "../gateway/refuse.ts";
import type { RefusalReason } from "../gateway/verdict.ts";
import type { Outcome, Visit } from "../gateway/visit.ts";
import type { FieldLines } from "../http/field-lines.ts";
import type { Hold } from "../upstream/held-response.ts";

/** A gateway's question: the request that it asks about, and the answer that it waits for. */
export interface Question {
  readonly visit: Visit;
  readonly response: ServerResponse;
}

/**
 * Answers whether a request may pass: by the same checks, in the same order, and with the same refusals as if it had
 * come to the clients' port.
 *
 * What the application will answer is not seen. So a revoking rule counts when it is asked: yes is said when what the
 * request carries has been revoked, everywhere.
 */
export function answerQuestion(gate: Forwarding, question: Question): void {
  const { visit } = question;
  guard(gate, question, () => {
    const admission = admit(gate, visit);
    if (!(admission instanceof Promise)) return act(gate, question, admission);
    return admission.then((late) => act(gate, question, late));
  });
}

function act(gate: Forwarding, question: Question, admission: Admission): void | Promise<void> {
  recordChecks(gate, question.visit);
  if (admission.kind !== "pass") return refuse(gate, question, reasonOf(admission));
  const hold = holdOn(gate, question.visit, admission);
  return hold === undefined ? allow(gate, question, admission) : revoke(gate, question, hold);
}

/** A preflight that revgate would answer itself is no request that may pass; the configuration rules it out. */
function reasonOf(admission: Exclude<Admission, { kind: "pass" }>): RefusalReason {
  return admission.kind === "deny" ? admission.reason : "token_missing";
}

/** What a hold takes for the application's answer. */
const asked = { status: 200, headers: [], readBody: async () => undefined } as const;

/** Revokes what a request carries, as after a 2xx, and then says yes. */
async function revoke(gate: Forwarding, question: Question, hold: Promise<Hold>): Promise<void> {
  const { visit } = question;
  const intended = await hold.catch(() => undefined);
  if (intended === undefined) return refuse(gate, question, "denylist_unavailable");
  // The disk may have been slow: what was revoked meanwhile counts for this request too.
  const again = admit(gate, visit);
  const admission = again instanceof Promise ? await again : again;
  if (admission.kind !== "pass") {
    void intended.onLost(false);
    return refuse(gate, question, reasonOf(admission));
  }
  try {
    await intended.onResponse(asked);
  } catch (error) {
    gate.log.withheld(visit.requestId, error as Error);
    return refuse(gate, question, "revocation_pending");
  }
  allow(gate, question, admission);
}

function allow(
  gate: Forwarding,
  question: Question,
  { route, token }: Extract<Admission, { kind: "pass" }>,
): void {
  // Nobody is vouched for on a public route, where a token is not asked whether it has been revoked.
  const claims = route.access === "public" ? [] : (token?.headers ?? []);
  const headers = [...claims, "Content-Length", "0", "Cache-Control", "no-store"];
  send(gate, question, { outcome: "allowed", status: 200, headers, body: "" });
}

/** A header line can be no longer in what nginx reads by default, with all others. */
const maxBodyInHeader = 2048;

/**
 * Refuses a request as the clients' port would. The reason and the body are in headers, too: nginx passes on neither
 * body nor status of most refusals.
 */
function refuse(gate: Forwarding, question: Question, reason: RefusalReason): void {
  const { visit } = question;
  const refusal = gate.responder.refusalFor(reason, refusalContext(gate, visit));
  const inHeader = refusal.body.replace(/[^ -~\u0080-\u00ff]+/g, " ");
  const isShort = inHeader !== "" && inHeader.length <= maxBodyInHeader;
  const headers = [
    ...[...refusal.headers, "X-Revgate-Error", reason],
    ...(isShort ? ["X-Revgate-Body", inHeader] : []),
  ];
  const { body } = refusal;
  // To a gateway every 2xx is a yes, whatever clients are told (errors.status).
  const status = refusal.status < 300 ? refusals[reason].status : refusal.status;
  send(gate, question, { outcome: reason, status, headers, body });
}

interface Sent {
  readonly outcome: Outcome;
  readonly status: number;
  readonly headers: FieldLines;
  /** One byte a character. */
  readonly body: string;
}

function send(
  gate: Forwarding,
  { visit, response }: Question,
  { outcome, status, headers, body }: Sent,
): void {
  if (response.destroyed) {
    recordOutcome(gate, visit, "client_gone");
    return;
  }
  response.writeHead(status, [...headers, "X-Request-Id", visit.requestId]).end(body, "latin1");
  recordOutcome(gate, visit, outcome, status);
}

/** Runs the steps of an answer; what they throw is answered with 500, which no gateway takes for a yes. */
function guard(gate: Forwarding, question: Question, steps: () => void | Promise<void>): void {
  const end = (error: unknown) => {
    gate.onUncaught("decisions", error);
    try {
      refuse(gate, question, "internal_error");
    } catch (second) {
      gate.onUncaught("decisions", second);
      question.response.destroy();
    }
  };
  try {
    steps()?.catch(end);
  } catch (error) {
    end(error);
  }
}
