import { performServerHandshake, type ServerHttp2Session, type ServerOptions } from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { keepSession } from "./keep-session.ts";

/** With what a client says that it speaks HTTP/2 (RFC 9113 section 3.4). */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** How Node's parser of HTTP/1.1 says that it has read that. */
const prefaceRead = "HPE_PAUSED_H2_UPGRADE";

/** What Node's parser says when it gives up. */
export interface ParserError extends Error {
  readonly code?: string | undefined;
  /** What was received last, and how much of that the parser has read. */
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/**
 * Goes on with HTTP/2 on a connection on which Node's parser of HTTP/1.1 has met its preface; undefined if it has
 * not. So a connection of HTTP/1.1 pays nothing for being asked. Over TLS only a client that has negotiated it is
 * believed (RFC 9113 section 3.2).
 *
 * The parser is left with the connection: it takes note when that closes, and of no byte any more.
 */
export function takeOver(
  socket: Socket,
  { code, rawPacket, bytesParsed = 0 }: ParserError,
  options: ServerOptions,
): ServerHttp2Session | undefined {
  if (code !== prefaceRead || rawPacket === undefined || socket.destroyed) return undefined;
  if (socket instanceof TLSSocket && socket.alpnProtocol !== "h2") return undefined;
  for (const event of ["data", "end", "error", "drain", "timeout"])
    socket.removeAllListeners(event);
  socket.on("error", () => socket.destroy());
  // Servers of HTTP/1.1 leave it open on this side: a client that closes its side has left (decision 0009).
  socket.on("end", () => socket.destroy());
  socket.setTimeout(0);
  // Stopped, so that nothing is lost until the session reads what is put back before it.
  socket.pause();
  socket.unshift(Buffer.concat([preface, rawPacket.subarray(bytesParsed)]));
  const session = performServerHandshake(socket, options);
  keepSession(session);
  // The session takes what was put back in the next tick.
  process.nextTick(() => {
    if (!socket.destroyed) socket.resume();
  });
  return session;
}
