import { withSessions } from "../revocation/sessions.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Ruling } from "../upstream/message-gate.ts";
import type { ConnectionTokens } from "./connection-tokens.ts";
import type { Gate } from "./gate.ts";
import type { SocketPlace } from "./message-reading.ts";
import { done } from "./own-logout.ts";
import { holdOn } from "./request-hold.ts";
import type { RefusalReason } from "./verdict.ts";
import type { Visit } from "./visit.ts";

/** The connection on which somebody logs out, and how it ends. */
export interface LeavingSocket {
  readonly tokens: Pick<ConnectionTokens, "last">;
  readonly refuse: (reason: RefusalReason, place: SocketPlace) => Ruling;
  readonly end: (reason: "token_revoked") => void;
  readonly hasEnded: () => boolean;
}

/** How long an application may take to answer a logout on the connection that ends with it. */
const leavingTimeoutMs = 1000;

/**
 * Ends a WebSocket's token when its client sends the event for it, and the connection when the application could answer.
 * `isOn`: the connection is about to end in any case, so that of its token need not end it.
 */
export function watchLogout(
  gate: Gate,
  visit: Visit,
  { tokens, refuse, end, hasEnded }: LeavingSocket,
) {
  let isOn = false;
  let timer: NodeJS.Timeout | undefined;
  return {
    /** The connection has closed. */
    close: () => clearTimeout(timer),
    isOn: () => isOn,
    /** Ends the token that came last, which is the one that the application forgets. */
    async logOut(place: SocketPlace): Promise<Ruling> {
      const token = tokens.last();
      if (token === undefined) return refuse("token_missing", place);
      isOn = true;
      try {
        await endToken(gate, visit, token);
      } catch (error) {
        gate.log.withheld(visit.requestId, error as Error);
        return refuse("revocation_pending", place);
      }
      if (hasEnded()) return "stop";
      timer = setTimeout(() => end("token_revoked"), leavingTimeoutMs);
      return "pass_last";
    },
  };
}

/** Ends a token, and its session if it has one; resolves when that is in force like behind the answer to a logout. */
async function endToken(gate: Gate, visit: Visit, token: VerifiedToken): Promise<void> {
  const [linked = token] = await withSessions([token], gate.denylist);
  const hasSession = (linked.sid ?? linked.session) !== undefined;
  const hold = await holdOn(gate, visit, {
    kind: "pass",
    route: { access: "protected", revoke: hasSession ? "session" : "token" },
    token: linked,
    otherTokens: [],
    spared: [],
  });
  await hold?.onResponse(done);
}
