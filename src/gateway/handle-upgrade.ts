import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { admit } from "./admit.ts";
import type { Admission, Admitted } from "./checks.ts";
import { forwardedHeaders, forwardedTarget } from "./forwarded-headers.ts";
import type { Gate } from "./gate.ts";
import { watchLive } from "./live-connections.ts";
import { recordOutcome } from "./record.ts";
import { refuse } from "./refuse.ts";
import { watchOn } from "./request-hold.ts";
import { endReused } from "./reused-token.ts";
import type { Route } from "./route.ts";
import { guardStep } from "./uncaught.ts";
import { beginVisit, type Visit } from "./visit.ts";
import { watchMessages } from "./watch-messages.ts";

/** A client's request, its connection, and what it sent behind its request. */
interface Client {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/**
 * The way of a WebSocket handshake: the same checks as for every request, then bytes both ways. If its token may come
 * in a message, none of the client's bytes pass before.
 *
 * On a revoking route no upgrade is forwarded: an application that answered it with a plain 2xx would
 * have logged somebody out past the hold.
 */
export function createUpgradeHandler(currentGate: () => Gate) {
  return function handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const gate = currentGate();
    socket.on("error", () => socket.destroy());
    const visit = beginVisit(gate, request);
    visit.isHandshake = true;
    const client: Client = { request, socket, head };
    guardStep(gate, visit, socket, () => {
      const admission = admit(gate, visit);
      if (!(admission instanceof Promise)) return act(gate, visit, client, admission);
      return admission.then((late) => act(gate, visit, client, late));
    });
  };
}

function act(gate: Gate, visit: Visit, client: Client, admission: Admission): void | Promise<void> {
  if (admission.kind === "pass" && !isHeld(admission.route)) {
    forward(gate, visit, client, admission);
    return undefined;
  }
  const reason = admission.kind === "deny" ? admission.reason : "request_ambiguous";
  const refuseIt = () => refuse(gate, visit, client.socket, reason);
  return visit.reusedToken === undefined ? refuseIt() : endReused(gate, visit).then(refuseIt);
}

/** Whether the answer on a route is held, or read: what came through a handshake would be past that. */
function isHeld({ revoke, only, maxSessions, session, handsOut = [] }: Route): boolean {
  const readsBody = session !== undefined && handsOut.some(({ kind }) => kind === "responseJson");
  return (revoke ?? only ?? maxSessions) !== undefined || readsBody;
}

function forward(gate: Gate, visit: Visit, client: Client, admitted: Admitted): void {
  const { socket } = client;
  // What observes keeps nothing back.
  const messageToken = gate.observe === undefined ? admitted.route.messageToken : undefined;
  const options = { ...gate, upgrades: true, plainFrames: messageToken !== undefined };
  const isAnonymous = messageToken !== undefined && admitted.token === undefined;
  gate.forwardUpgrade({
    ...client,
    target: forwardedTarget(gate, visit),
    headers: forwardedHeaders(options, visit, admitted),
    onAnswer: (status) => recordOutcome(gate, visit, "forwarded", status),
    onOpen(open) {
      gate.metrics.upgradedConnections.inc();
      const forgetLive =
        messageToken === undefined ? watchLive(gate.live, admitted, open.cut) : () => {};
      const forget = gate.upgraded.add(open);
      socket.on("close", () => {
        forgetLive();
        forget();
        gate.metrics.upgradedConnections.dec();
      });
    },
    through:
      messageToken &&
      ((open) => watchMessages(gate, { visit, admitted, messageToken, open, socket })),
    hold: watchOn(gate, visit, admitted),
    // To a request without a token the application may say no, and nothing else.
    onUnswitched: isAnonymous ? () => refuse(gate, visit, socket, "token_missing") : undefined,
    onFailure: (reason, cause) => {
      gate.log.upstreamFailure(visit.requestId, cause);
      refuse(gate, visit, socket, reason);
    },
  });
}
