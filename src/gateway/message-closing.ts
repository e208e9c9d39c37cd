import type { Closing } from "../upstream/open-upgrade.ts";
import type { MessageProtocol } from "./client-messages.ts";
import { refusals } from "./refusals.ts";
import type { RefusalReason } from "./verdict.ts";

/** Close codes (RFC 6455 section 7.4.1, and IANA's registry). */
const [messageTooBig, tryAgainLater] = [1009, 1013];
/** Some protocols have taken over the statuses of HTTP, under this. */
const statusesFrom = 4000;
/** What graphql-transport-ws closes with if it does not accept a login. */
const forbidden = 4403;
const maxNamespaceLength = 256;

/**
 * How a WebSocket is closed for that reason, in the words of its protocol.
 *
 * `namespace`: what its client tried to log in to in socket.io, which then learns of it by a packet.
 */
export function closingFor(
  protocol: MessageProtocol,
  reason: RefusalReason,
  namespace?: string,
): Closing {
  const { status } = refusals[reason];
  const message = protocol === "socket.io" ? refusalPacket(reason, namespace) : undefined;
  return { code: closeCode(protocol, reason, status), message };
}

/** CONNECT_ERROR: the client's `connect_error` has the reason as its message. */
function refusalPacket(reason: RefusalReason, namespace: string | undefined): string | undefined {
  if (namespace === undefined || namespace.length > maxNamespaceLength) return undefined;
  return `44${namespace === "" ? "" : `${namespace},`}${JSON.stringify({ message: reason })}`;
}

function closeCode(protocol: MessageProtocol, reason: RefusalReason, status: number): number {
  if (reason === "request_too_large") return messageTooBig;
  if (status >= 500) return tryAgainLater;
  return protocol === "graphql" && status === 401 ? forbidden : statusesFrom + status;
}
