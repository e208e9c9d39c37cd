import { admit } from "../gateway/admit.ts";
import type { Admission, Admitted } from "../gateway/checks.ts";
import type { Forwarding } from "../gateway/forwarding.ts";
import { recordChecks } from "../gateway/record.ts";
import { refusals } from "../gateway/refusals.ts";
import { refusalContext } from "../gateway/refuse.ts";
import { holdOn } from "../gateway/request-hold.ts";
import type { RefusalReason } from "../gateway/verdict.ts";
import type { Visit } from "../gateway/visit.ts";
import type { WholeAnswer } from "../node-http/whole-answers.ts";
import type { Hold } from "../upstream/held-response.ts";

/** Whether a request may pass, of which a gateway shows the head alone. */
export type Decision =
  | { readonly kind: "allow"; readonly admitted: Admitted }
  | { readonly kind: "refuse"; readonly reason: RefusalReason };

/**
 * Judges a request by the same checks, in the same order, as if it had come to the clients' port.
 *
 * What the application will answer is not seen. So a revoking rule counts when it is asked: the decision is yes when
 * what the request carries has been revoked, everywhere. Act on a decision at once, before anything else is awaited.
 */
export function judgeQuestion(gate: Forwarding, visit: Visit): Decision | Promise<Decision> {
  const admission = admit(gate, visit);
  if (!(admission instanceof Promise)) return decide(gate, visit, admission);
  return admission.then((late) => decide(gate, visit, late));
}

function decide(
  gate: Forwarding,
  visit: Visit,
  admission: Admission,
): Decision | Promise<Decision> {
  recordChecks(gate, visit);
  if (admission.kind !== "pass") return no(reasonOf(admission));
  const hold = holdOn(gate, visit, asDeadIfOver(gate, admission));
  return hold === undefined ? { kind: "allow", admitted: admission } : revoke(gate, visit, hold);
}

/** No application is heard that could refuse a token which is over: such a one ends itself alone. */
function asDeadIfOver({ clock }: Forwarding, admitted: Admitted): Admitted {
  const { route, token } = admitted;
  // Most requests end nothing: time is not asked for them.
  if (token === undefined || (route.revoke === undefined && route.only === undefined)) {
    return admitted;
  }
  const isOver = token.expiresAt <= clock.nowSeconds();
  return isOver ? { ...admitted, token: { ...token, isDead: true } } : admitted;
}

function no(reason: RefusalReason): Decision {
  return { kind: "refuse", reason };
}

/** A preflight that revgate would answer itself is no request that may pass; the configuration rules it out. */
function reasonOf(admission: Exclude<Admission, Admitted>): RefusalReason {
  return admission.kind === "deny" ? admission.reason : "token_missing";
}

/** What a hold takes for the application's answer. */
const asked = {
  status: 200,
  headers: [],
  readBody: async () => undefined,
  trailers: () => [],
} as const;

/** Revokes what a request carries, as after a 2xx, and then says yes. */
async function revoke(gate: Forwarding, visit: Visit, hold: Promise<Hold>): Promise<Decision> {
  const intended = await hold.catch(() => undefined);
  if (intended === undefined) return no("denylist_unavailable");
  // The disk may have been slow: what was revoked meanwhile counts for this request too.
  const again = admit(gate, visit);
  const admission = again instanceof Promise ? await again : again;
  if (admission.kind !== "pass") {
    void intended.onLost(false);
    return no(reasonOf(admission));
  }
  try {
    await intended.onResponse(asked);
  } catch (error) {
    gate.log.withheld(visit.requestId, error as Error);
    return no("revocation_pending");
  }
  return { kind: "allow", admitted: admission };
}

/** A refusal as clients get it, but never with a status that a gateway takes for a yes. */
export function refusalAnswer(gate: Forwarding, visit: Visit, reason: RefusalReason): WholeAnswer {
  const refusal = gate.responder.refusalFor(reason, refusalContext(gate, visit));
  const { status, reason: phrase, headers, body } = refusal;
  // To a gateway every 2xx is a yes, whatever clients are told (errors.status).
  return { status: status < 300 ? refusals[reason].status : status, reason: phrase, headers, body };
}
