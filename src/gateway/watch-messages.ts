import type { Duplex } from "node:stream";
import type { CutReason } from "../observability/metrics/requests.ts";
import type { ClientMessage, Ruling } from "../upstream/message-gate.ts";
import { createMessageGate } from "../upstream/message-gate.ts";
import type { OpenUpgrade } from "../upstream/open-upgrade.ts";
import { admitMessage } from "./admit.ts";
import { watchBegun } from "./begun-messages.ts";
import type { Admitted } from "./checks.ts";
import { type MessageToken, readMessage } from "./client-messages.ts";
import { createConnectionTokens } from "./connection-tokens.ts";
import type { Gate } from "./gate.ts";
import { closingFor } from "./message-closing.ts";
import type { MessageReading, SocketPlace } from "./message-reading.ts";
import { recordMessage } from "./record.ts";
import type { ReceivedBody } from "./request-body.ts";
import type { Route } from "./route.ts";
import { watchLogout } from "./socket-logout.ts";
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
/** Namespaces of socket.io that a client may enter before it logs in by an event. */
const maxConnects = 4;

/**
 * Lets a WebSocket's messages through once a live token has come, with the handshake or in a message, and judges each
 * later one that logs in: on this connection, too, nothing is accepted that was given up.
 */
export function watchMessages(gate: Gate, watched: WatchedSocket): Duplex {
  const { messageToken } = watched;
  const { isAwaited, logIn, logOut, refuse, close } = watchLogins(gate, watched);
  const begun = watchBegun(gate, watched.visit, (why) => void refuse(why));
  watched.socket.on("close", () => {
    begun.end();
    close();
  });
  let connects = 0;
  const ruleOnStranger = (reading: MessageReading): Ruling => {
    if (reading.kind === "heartbeat") return "keep";
    // Clients of socket.io send no event before one has been answered.
    if (reading.kind === "connect" && connects < maxConnects) {
      connects += 1;
      return "pass_alone";
    }
    return refuse("token_missing", "namespace" in reading ? reading : {});
  };
  const messages = createMessageGate({
    maxMessageBytes: messageToken.maxMessageBytes,
    maxKept: { bytes: gate.bodyBytes, frames: maxKeptFrames },
    isOpen: !isAwaited(),
    judge(message: ClientMessage) {
      const reading = readMessage(messageToken, message);
      if (reading.kind === "login") return logIn(message, reading);
      if (isAwaited()) return ruleOnStranger(reading);
      if (reading.kind === "logout") return logOut(reading);
      return reading.kind === "refused" ? refuse("request_ambiguous", reading) : "pass";
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

/** Judges what logs in or out, and ends the connection if that may not be, or is not any more. */
function watchLogins(gate: Gate, watched: WatchedSocket) {
  const { visit, admitted, messageToken, open } = watched;
  let ended = false;
  const end = (reason: RefusalReason, place?: SocketPlace) => {
    ended = true;
    wait.end();
    open.cut(reason, closingFor(messageToken.protocol, reason, place));
  };
  const refuse = (reason: RefusalReason, place?: SocketPlace, asked = visit): Ruling => {
    if (!ended) {
      recordMessage(gate, asked, reason);
      end(reason, place);
    }
    return "stop";
  };
  const tokens = createConnectionTokens({
    ...gate,
    cut: (reason: CutReason) => leaving.isOn() || end(reason),
  });
  const leaving = watchLogout(gate, visit, { tokens, refuse, end, hasEnded: () => ended });
  const wait = awaitToken(gate, watched, refuse);
  const accept = ({ token }: Admitted): boolean => {
    const isNoted = token !== undefined && tokens.add(token);
    if (isNoted) wait.end();
    return isNoted;
  };
  accept(admitted);

  return {
    refuse,
    /** The client has left. */
    close() {
      ended = true;
      wait.end();
      leaving.close();
      tokens.close();
    },
    isAwaited: wait.isOn,
    async logIn({ data }: ClientMessage, login: Login): Promise<Ruling> {
      const asked = visitOfMessage(visit, { bytes: data, fields: login.fields });
      const route = routeOfMessage(admitted.route, messageToken);
      const admission = await admitMessage(gate, asked, route);
      if (ended) return "stop";
      if (admission.kind === "deny") return refuse(admission.reason, login, asked);
      if (admission.kind !== "pass" || !accept(admission)) {
        return refuse("token_ambiguous", login, asked);
      }
      recordMessage(gate, asked, "accepted");
      return "pass";
    },
    logOut: leaving.logOut,
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
