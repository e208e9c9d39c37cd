import type { Answer } from "../node-http/answer.ts";

/** Ends a response so that nobody can take it for a whole one. */
export function breakOff({ stream }: Answer): void {
  const { socket } = stream;
  // Where the end of the connection is the end of the body (HTTP/1.0), only a reset says "broken". (One
  // that is about to be ended, because the client has left, can't be reset: Node would leak its handle.)
  const canReset = socket !== null && !("encrypted" in socket) && !socket.writableEnded;
  if (canReset) socket.resetAndDestroy();
  else stream.destroy();
}
