import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Gate } from "./gate.ts";
import { type Admitted, admit, watchLive } from "./handle-request.ts";
import type { RefusalReason } from "./verdict.ts";
import { beginVisit, endVisit, forwardedHeaders, refusalContext, type Visit } from "./visit.ts";

/**
 * The way of a WebSocket handshake: the same checks as for every request, then bytes both ways.
 *
 * On a revoking route no upgrade is forwarded: an application that answered it with a plain 2xx would
 * have logged somebody out past the hold.
 */
export function createUpgradeHandler(currentGate: () => Gate) {
  return function handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const gate = currentGate();
    socket.on("error", () => socket.destroy());
    const visit = beginVisit(gate, request);

    const no = (reason: RefusalReason) => refuse(gate, visit, socket, reason);
    const yes = (admitted: Admitted) => {
      if (admitted.route.revoke !== undefined) no("request_ambiguous");
      else forward(gate, visit, { socket, head }, admitted);
    };
    admit(gate, visit, yes, no);
  };
}

function refuse(gate: Gate, visit: Visit, socket: Duplex, reason: RefusalReason): void {
  gate.responder.refuseOnSocket(socket, reason, refusalContext(gate, visit));
  endVisit(gate, visit, reason);
}

/** A client's connection, and what it sent behind its request. */
interface Client {
  readonly socket: Duplex;
  readonly head: Buffer;
}

function forward(gate: Gate, visit: Visit, { socket, head }: Client, admitted: Admitted): void {
  gate.forwardUpgrade({
    request: visit.request,
    socket,
    head,
    headers: forwardedHeaders(gate, visit, admitted),
    onAnswer: (status) => endVisit(gate, visit, "forwarded", status),
    onOpen(cut) {
      gate.metrics.upgradedConnections.inc();
      const forget = watchLive(gate, admitted, cut);
      socket.on("close", () => {
        forget();
        gate.metrics.upgradedConnections.dec();
      });
    },
    onFailure: (reason, cause) => {
      gate.log.upstreamFailure(visit.requestId, cause);
      refuse(gate, visit, socket, reason);
    },
  });
}
