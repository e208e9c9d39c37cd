import type { Socket } from "node:net";

/** What Node's sockets have, and its types do not show. */
interface SocketInternals {
  /** `writeQueueSize`: what the system has not taken yet of a write in progress. */
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}

/**
 * A figure that changes whenever the other side has taken something; undefined if nothing waits to be taken.
 *
 * Of a write in progress Node tells only that it is done, which may take a slow reader minutes. What the system
 * has taken of it stands in the handle; where that is missing, whole writes count.
 */
export function unsentBytes(socket: Socket): string | undefined {
  const { writableLength } = socket;
  const { _handle: handle } = socket as unknown as SocketInternals;
  const queued = handle?.writeQueueSize ?? 0;
  return writableLength === 0 && queued === 0 ? undefined : `${writableLength} ${queued}`;
}
