import type { Duplex } from "node:stream";
import type { CutReason } from "../observability/metrics/requests.ts";
import type { ClientMessage, Ruling } from "../upstream/message-gate.ts";
import { createMessageGate } from "../upstream/message-gate.ts";
import type { OpenUpgrade } from "../upstream/open-upgrade.ts";
import { admitMessage } from "./admit.ts";
import { watchBegun } from "./begun-messages.ts";
import type { Admitted } from "./checks.ts";
import { type MessageReading, type MessageToken, readMessage } from "./client-messages.ts";
import { createConnectionTokens } from "./connection-tokens.ts";
import type { Gate } from "./gate.ts";
import { closingFor } from "./message-closing.ts";
import { recordMessage } from "./record.ts";
import type { ReceivedBody } from "./request-body.ts";
import type { Route } from "./route.ts";
import type { RefusalReason } from "./verdict.ts";
import type { Visit } from "./visit.ts";

/** A WebSocket whose token may come in a message. */
export interface WatchedSocket {
  /** Of its handshake. */
  readonly visit: Visit;
  readonly admitted: Admitted;
  readonly messageToken: MessageToken;
  readonly open: OpenUpgrade;
  /** The client's connection. */
  readonly socket: Duplex;
}

/** Frames that are kept until a token has come: heartbeats, and the parts of the message that has it. */
const maxKeptFrames = 64;

/**
 * Lets a WebSocket's messages through once a live token has come, with the handshake or in a message, and judges each
 * later one that logs in: on this connection, too, nothing is accepted that was given up.
 */
export function watchMessages(gate: Gate, watched: WatchedSocket): Duplex {
  const { messageToken } = watched;
  const { isAwaited, logIn, refuse } = watchLogins(gate, watched);
  const begun = watchBegun(gate, watched.visit, (why) => void refuse(why));
  watched.socket.on("close", begun.end);
  const messages = createMessageGate({
    maxMessageBytes: messageToken.maxMessageBytes,
    maxKept: { bytes: gate.bodyBytes, frames: maxKeptFrames },
    isOpen: !isAwaited(),
    judge(message: ClientMessage) {
      const reading = readMessage(messageToken, message);
      if (reading.kind === "login") return logIn(message, reading);
      if (!isAwaited()) return "pass";
      return reading.kind === "heartbeat" ? "keep" : refuse("token_missing");
    },
    onBroken: (how) => void refuse(how === "too_large" ? "request_too_large" : "request_ambiguous"),
    onClosed: () => void refuse("token_missing"),
    // Before a token has come, its own time and place bound it.
    onKept: (bytes) => begun.tell(isAwaited() ? 0 : bytes),
  });
  // Its connection ends with it.
  messages.on("error", (error) => gate.onUncaught("clients", error));
  return messages;
}

type Login = Extract<MessageReading, { kind: "login" }>;

/** Judges what logs in, and ends the connection if that may not be, or is not any more. */
function watchLogins(gate: Gate, watched: WatchedSocket) {
  const { visit, admitted, messageToken, open, socket } = watched;
  let ended = false;
  const end = (reason: RefusalReason, namespace?: string) => {
    ended = true;
    wait.end();
    open.cut(reason, closingFor(messageToken.protocol, reason, namespace));
  };
  const refuse = (reason: RefusalReason, asked = visit, namespace?: string): Ruling => {
    if (!ended) {
      recordMessage(gate, asked, reason);
      end(reason, namespace);
    }
    return "stop";
  };
  const tokens = createConnectionTokens({ ...gate, cut: (reason: CutReason) => end(reason) });
  const wait = awaitToken(gate, watched, refuse);
  const accept = ({ token }: Admitted): boolean => {
    const isNoted = token !== undefined && tokens.add(token);
    if (isNoted) wait.end();
    return isNoted;
  };
  accept(admitted);
  socket.on("close", () => {
    ended = true;
    wait.end();
    tokens.close();
  });

  return {
    refuse,
    isAwaited: wait.isOn,
    async logIn({ data }: ClientMessage, { fields, namespace = "" }: Login): Promise<Ruling> {
      const asked = visitOfMessage(visit, { bytes: data, fields });
      const route = routeOfMessage(admitted.route, messageToken);
      const admission = await admitMessage(gate, asked, route);
      if (ended) return "stop";
      if (admission.kind === "deny") return refuse(admission.reason, asked, namespace);
      if (admission.kind !== "pass" || !accept(admission)) {
        return refuse("token_ambiguous", asked, namespace);
      }
      recordMessage(gate, asked, "accepted");
      return "pass";
    },
  };
}

/** Gives a client its time, and a place among those that something is kept for. */
function awaitToken(
  gate: Gate,
  { visit, messageToken }: WatchedSocket,
  refuse: (reason: RefusalReason) => void,
) {
  let isOn = true;
  const freePlace = gate.takeBodyPlace(visit, () => refuse("checks_busy"));
  const timer = setTimeout(() => refuse("request_timeout"), messageToken.timeoutMs);
  return {
    isOn: () => isOn,
    end() {
      isOn = false;
      clearTimeout(timer);
      freePlace();
    },
  };
}

/** A message is judged like the body of a request of its own. */
function visitOfMessage(visit: Visit, body: ReceivedBody): Visit {
  return {
    ...visit,
    body,
    mayOmitToken: false,
    credential: undefined,
    refusedToken: undefined,
    reusedToken: undefined,
    hasTurn: false,
    keysSoughtFor: undefined,
  };
}

function routeOfMessage(
  { opaqueLifetimeSeconds }: Route,
  { pointer, scheme }: MessageToken,
): Route {
  return {
    access: "protected",
    revoke: undefined,
    from: [{ kind: "json", pointer, scheme }],
    opaqueLifetimeSeconds,
  };
}
