import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Gate } from "./gate.ts";
import { type Admitted, admit } from "./handle-request.ts";
import type { RefusalReason } from "./verdict.ts";
import { beginVisit, endVisit, forwardedHeaders, refusalContext, type Visit } from "./visit.ts";

/**
 * The way of a WebSocket handshake: the same checks as for every request, then bytes both ways.
 *
 * On a revoking route no upgrade is forwarded: an application that answered it with a plain 2xx would
 * have logged somebody out past the hold.
 */
export function createUpgradeHandler(gate: Gate) {
  return function handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const visit = beginVisit(gate, request);

    const no = (reason: RefusalReason) => refuse(gate, visit, socket, reason);
    const yes = ({ route }: Admitted) => {
      if (route.revoke !== undefined) no("request_ambiguous");
      else forward(gate, visit, socket, head);
    };
    admit(gate, visit, yes, no);
  };
}

function refuse(gate: Gate, visit: Visit, socket: Duplex, reason: RefusalReason): void {
  gate.responder.refuseOnSocket(socket, reason, refusalContext(gate, visit));
  endVisit(gate, visit, reason);
}

function forward(gate: Gate, visit: Visit, socket: Duplex, head: Buffer): void {
  gate.forwardUpgrade({
    request: visit.request,
    socket,
    head,
    headers: forwardedHeaders(gate, visit),
    onAnswer: (status) => {
      endVisit(gate, visit, "forwarded", status);
      if (status !== 101) return;
      gate.metrics.upgradedConnections.inc();
      socket.on("close", () => gate.metrics.upgradedConnections.dec());
    },
    onFailure: (reason, cause) => {
      gate.log.upstreamFailure(visit.requestId, cause);
      refuse(gate, visit, socket, reason);
    },
  });
}
