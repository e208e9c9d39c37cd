import type { Answer } from "../node-http/answer.ts";
import type { ClientRequest } from "../node-http/client-request.ts";
import { admit } from "./admit.ts";
import type { Admission } from "./checks.ts";
import { forward } from "./forward.ts";
import type { Gate } from "./gate.ts";
import { recordChecks, recordOutcome } from "./record.ts";
import { refuse } from "./refuse.ts";
import { endReused } from "./reused-token.ts";
import { endUncaught, guardStep } from "./uncaught.ts";
import { beginVisit, type Visit } from "./visit.ts";

/**
 * The way of a request, from its head to the application and back. READ FIRST.
 *
 *     limits ─ framing ─ target ─ certificate ─ route ─ credential ─ signature ─ denylist ─ intent ─ forward ─ hold ─ release
 *       431      400      400        403                    401          401       401/503             502/503/504 503
 *     └───────────────────────────── admit.ts ─────────────────────────────────────────┘ └─────────── forward.ts ──────────┘
 */
export function createRequestHandler(currentGate: () => Gate) {
  return function handleRequest(request: ClientRequest, answer: Answer): void {
    // Whatever is reloaded meanwhile, a request is judged by one configuration from head to end.
    const gate = currentGate();
    const visit = beginVisit(gate, request, answer);
    try {
      const admission = admit(gate, visit);
      // Synchronously if memory could answer, so that nothing can come in between.
      if (!(admission instanceof Promise)) act(gate, visit, answer, admission);
      else actLater(gate, visit, answer, admission);
    } catch (error) {
      endUncaught(gate, visit, answer, error);
    }
  };
}

function actLater(gate: Gate, visit: Visit, answer: Answer, admission: Promise<Admission>): void {
  admission
    .then((late) => act(gate, visit, answer, late))
    .catch((error: unknown) => endUncaught(gate, visit, answer, error));
}

function act(gate: Gate, visit: Visit, answer: Answer, admission: Admission): void {
  const checkedMs = recordChecks(gate, visit);
  switch (admission.kind) {
    case "pass":
      forward(gate, visit, answer, { admitted: admission, checkedMs });
      break;
    case "deny":
      if (visit.reusedToken === undefined) refuse(gate, visit, answer, admission.reason);
      else guardStep(gate, visit, answer, () => refuseReused(gate, visit, answer));
      break;
    case "answer":
      answer.sendHead({ status: 204, reason: "No Content", headers: admission.headers });
      answer.end([]);
      recordOutcome(gate, visit, "preflight_answered", 204);
  }
}

async function refuseReused(gate: Gate, visit: Visit, answer: Answer): Promise<void> {
  await endReused(gate, visit);
  refuse(gate, visit, answer, "token_revoked");
}
