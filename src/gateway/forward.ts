import { bodyFramingOf } from "../http/field-lines.ts";
import { grpcTimeoutMs } from "../http/grpc.ts";
import type { Answer } from "../node-http/answer.ts";
import type { CutReason } from "../observability/metrics/requests.ts";
import type { CutAnswer, ForwardOutcome } from "../upstream/forward-options.ts";
import { forwardRequest } from "../upstream/forward-request.ts";
import type { Hold } from "../upstream/held-response.ts";
import { requestTrailers } from "../upstream/request-headers.ts";
import { admit } from "./admit.ts";
import type { Admitted } from "./checks.ts";
import { clientNetwork } from "./client-address.ts";
import { forwardedHeaders, forwardedTarget } from "./forwarded-headers.ts";
import type { Forwarding } from "./forwarding.ts";
import { isGrpcCall } from "./grpc-answers.ts";
import { watchLive } from "./live-connections.ts";
import { answerLogout } from "./own-logout.ts";
import { recordHead, recordOutcome } from "./record.ts";
import { refusalContext, refuse } from "./refuse.ts";
import { holdOn, watchOn } from "./request-hold.ts";
import { guardStep } from "./uncaught.ts";
import { askForBody, type Visit } from "./visit.ts";
import { mayStillGo, watchUpload } from "./watch-upload.ts";

/**
 * Forwards a request that may pass, and its response back. On a revoking route first the intent goes to
 * disk, and the response is held until the revocation is in force.
 */
export function forward(
  gate: Forwarding,
  visit: Visit,
  answer: Answer,
  { admitted, checkedMs }: { readonly admitted: Admitted; readonly checkedMs: number },
): void {
  const { answered } = admitted.route;
  const send = (hold: Hold | undefined) => {
    if (answered !== undefined) {
      guardStep(gate, visit, answer, () => answerLogout(gate, visit, answer, { answered, hold }));
      return;
    }
    askForBody(visit);
    forwardOne(gate, visit, answer, { admitted, checkedMs, hold });
  };

  const hold = holdOn(gate, visit, admitted);
  if (hold !== undefined) answer.keepPlace();
  // Only a revoking request waits here: for the note that it is about to be sent.
  if (hold === undefined) {
    send(watchOn(gate, visit, admitted));
    return;
  }
  const refuseIt = () => refuse(gate, visit, answer, "denylist_unavailable");
  guardStep(gate, visit, answer, () => hold.then(sendIfAdmitted, refuseIt));

  /** The disk may have been slow: what was revoked meanwhile counts for this request too. */
  async function sendIfAdmitted(intended: Hold): Promise<void> {
    const again = admit(gate, visit);
    // Without a pause if memory can answer, as the first time.
    const admission = again instanceof Promise ? await again : again;
    if (admission.kind === "pass") return send(intended);
    void intended.onLost(false);
    if (admission.kind === "deny") refuse(gate, visit, answer, admission.reason);
  }
}

/** Sends it, and has it end with its token. */
function forwardOne(
  gate: Forwarding,
  visit: Visit,
  answer: Answer,
  sending: {
    readonly admitted: Admitted;
    readonly checkedMs: number;
    readonly hold: Hold | undefined;
  },
): void {
  const { admitted, checkedMs, hold } = sending;
  const isGrpc = isGrpcCall(visit.request, visit.headers);
  // A logout is seen through without its client, so its times are those of every request.
  const mayPause = isGrpc && hold === undefined;
  if (mayPause) answer.allowPauses();
  let cutFor: CutReason = "token_revoked";
  const watch = (cut: CutAnswer) =>
    watchLive(gate.live, admitted, (reason) => {
      cutFor = reason;
      cut(isGrpc ? gate.responder.callTrailers(reason, refusalContext(gate, visit)) : undefined);
    });
  let forget = () => {};
  let ended = false;
  const cut = forwardRequest(gate.application.poolFor(isGrpc), {
    request: visit.request,
    answer,
    network: () => clientNetwork(visit),
    target: forwardedTarget(gate, visit),
    received: visit.body?.bytes,
    headers: forwardedHeaders(gate, visit, admitted),
    passTrailers: (trailers) => requestTrailers(trailers, visit.headers, gate),
    addsVia: gate.addsVia,
    responseTimeoutMs: mayPause ? grpcTimeoutMs(visit.headers.first("grpc-timeout")) : undefined,
    // A call has a deadline of its own.
    streams: isGrpc || admitted.route.streams === true,
    hold,
    onHead: (headers) => recordHead(gate, visit, { sentMs: checkedMs, headers }),
    onStreaming: isGrpc ? () => () => {} : watch,
    mayStillGo: () => mayStillGo(gate.live, admitted),
    onEnd(outcome) {
      ended = true;
      forget();
      if (outcome.kind === "cut" && !answer.begun) refuse(gate, visit, answer, cutFor);
      else finish(gate, visit, answer, outcome);
    },
  });
  // A client that streams may send for long before there is an answer.
  if (ended) return;
  if (isGrpc) forget = watch(cut);
  else if (bodyFramingOf(visit.request.rawHeaders) !== "none") {
    forget = watchUpload(gate.live, visit, admitted, () => cut(undefined));
  }
}

function finish(gate: Forwarding, visit: Visit, answer: Answer, outcome: ForwardOutcome): void {
  switch (outcome.kind) {
    case "completed":
      recordOutcome(gate, visit, "forwarded", outcome.status);
      break;
    case "failed":
      gate.log.upstreamFailure(visit.requestId, outcome.cause);
      refuse(gate, visit, answer, outcome.reason);
      break;
    case "withheld":
      gate.log.withheld(visit.requestId, outcome.cause);
      refuse(gate, visit, answer, "revocation_pending");
      break;
    case "broken_off":
      gate.log.upstreamFailure(visit.requestId, outcome.cause);
      recordOutcome(gate, visit, "broken_off", answer.status);
      break;
    case "cut":
      recordOutcome(gate, visit, "cut", answer.status);
      break;
    case "request_incomplete":
      refuse(gate, visit, answer, "request_timeout");
      break;
    case "client_stalled":
      recordOutcome(gate, visit, "client_stalled", answer.status);
      break;
    case "client_gone":
      recordOutcome(gate, visit, "client_gone");
  }
}
