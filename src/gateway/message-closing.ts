import type { Closing } from "../upstream/open-upgrade.ts";
import type { MessageProtocol } from "./client-messages.ts";
import type { SocketPlace } from "./message-reading.ts";
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
 * `place`: where its client waits for an answer in socket.io, which then learns of it by a packet.
 */
export function closingFor(
  protocol: MessageProtocol,
  reason: RefusalReason,
  place: SocketPlace = {},
): Closing {
  const { status } = refusals[reason];
  const message = protocol === "socket.io" ? refusalPacket(reason, place) : undefined;
  return { code: closeCode(protocol, reason, status), message };
}

/**
 * CONNECT_ERROR: the client's `connect_error` has the reason as its message. Or what acknowledges its event, with that as
 * the error in front, as callbacks have it.
 */
function refusalPacket(reason: RefusalReason, { namespace, id }: SocketPlace): string | undefined {
  if (namespace === undefined || namespace.length > maxNamespaceLength) return undefined;
  const where = namespace === "" ? "" : `${namespace},`;
  if (id === undefined) return `44${where}${JSON.stringify({ message: reason })}`;
  return `43${where}${id}${JSON.stringify([{ code: refusals[reason].status, message: reason }])}`;
}

function closeCode(protocol: MessageProtocol, reason: RefusalReason, status: number): number {
  if (reason === "request_too_large") return messageTooBig;
  if (status >= 500) return tryAgainLater;
  return protocol === "graphql" && status === 401 ? forbidden : statusesFrom + status;
}
