import { admit } from "../../gateway/admit.ts";
import type { Admission, Admitted } from "../../gateway/checks.ts";
import { corsHeaders } from "../../gateway/cors.ts";
import { done, logoutAnswer } from "../../gateway/own-logout.ts";
import { recordChecks, recordOutcome } from "../../gateway/record.ts";
import { holdOn, watchOn } from "../../gateway/request-hold.ts";
import { endReused } from "../../gateway/reused-token.ts";
import type { Hold } from "../../upstream/held-response.ts";
import { requestMutation } from "../request-mutation.ts";
import { isGrpc } from "./answers.ts";
import { replacing } from "./header-lines.ts";
import { modes } from "./processing.ts";
import { seeAnswer } from "./see-answer.ts";
import { answerAtOnce, refuseAtOnce, type Talk } from "./talk.ts";

/** Judges a request whose head Envoy shows, and says what becomes of it, as the clients' port would. */
export function judgeProcessed(talk: Talk): void | Promise<void> {
  const { gate, visit } = talk;
  if (talk.tooLong) return refuseAtOnce(talk, "request_too_large");
  const admission = admit(gate, visit);
  // Synchronously if memory could answer, so that nothing can come in between.
  if (!(admission instanceof Promise)) return act(talk, admission);
  return admission.then((late) => act(talk, late));
}

function act(talk: Talk, admission: Admission): void | Promise<void> {
  const { gate, visit } = talk;
  const checkedMs = recordChecks(gate, visit);
  switch (admission.kind) {
    case "pass":
      return pass(talk, admission, checkedMs);
    case "deny":
      if (visit.reusedToken === undefined) return refuseAtOnce(talk, admission.reason);
      return endReused(gate, visit).then(() => refuseAtOnce(talk, "token_revoked"));
    case "answer": {
      const headers = [...admission.headers];
      return answerAtOnce(talk, "preflight_answered", { status: 204, headers, body: "" });
    }
  }
}

/** What may pass does: a revoking request when its intent is on disk, and if it still may then. */
function pass(talk: Talk, admitted: Admitted, checkedMs: number): void | Promise<void> {
  const { gate, visit } = talk;
  const letGo = (may: Admitted, hold: Hold | undefined) =>
    may.route.answered === undefined
      ? letPass(talk, may, { hold, checkedMs })
      : answerLogout(talk, may.route.answered, hold);
  const hold = holdOn(gate, visit, admitted);
  if (hold === undefined) return letGo(admitted, watchOn(gate, visit, admitted));
  return hold.then(
    async (intended) => {
      const again = admit(gate, visit);
      const admission = again instanceof Promise ? await again : again;
      if (admission.kind === "pass" && !talk.isOver) return letGo(admission, intended);
      void intended.onLost(false);
      if (admission.kind === "deny") refuseAtOnce(talk, admission.reason);
    },
    () => refuseAtOnce(talk, "denylist_unavailable"),
  );
}

function letPass(
  talk: Talk,
  admitted: Admitted,
  { hold, checkedMs }: { readonly hold: Hold | undefined; readonly checkedMs: number },
): void {
  const { gate, visit } = talk;
  if (talk.isOver) return;
  const { set, remove } = requestMutation(gate, visit, admitted);
  const headerMutation = { setHeaders: replacing(set, "bytes"), removeHeaders: remove };
  if (hold !== undefined) seeAnswer(talk, hold, checkedMs);
  const trailers = isGrpc(visit) ? modes.send : modes.skip;
  talk.send({
    requestHeaders: { response: { headerMutation } },
    modeOverride:
      hold === undefined
        ? { responseHeaderMode: modes.skip }
        : { responseHeaderMode: modes.send, responseTrailerMode: trailers },
  });
  if (hold !== undefined) return;
  // Nothing of the answer is of interest.
  talk.end();
  recordOutcome(gate, visit, "allowed", 200);
}

/** Answers a logout in place of the application, when what it carried is dead. */
async function answerLogout(
  talk: Talk,
  answered: NonNullable<Admitted["route"]["answered"]>,
  hold: Hold | undefined,
): Promise<void> {
  const { gate, visit } = talk;
  try {
    await hold?.onResponse(done);
  } catch (error) {
    gate.log.withheld(visit.requestId, error as Error);
    return refuseAtOnce(talk, "revocation_pending");
  }
  const { status, headers, body } = logoutAnswer(answered, visit);
  const more = corsHeaders(visit.headers.first("origin"), gate.cors);
  answerAtOnce(talk, "logout_answered", { status, headers: [...headers, ...more], body });
}
