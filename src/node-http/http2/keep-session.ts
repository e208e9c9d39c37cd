import type { Http2Session } from "node:http2";

/** What Node calls the property of a session that holds its native side. */
const handleName = "kHandle";

const kept = new Set<unknown>();

/** Sessions whose native side is kept. */
export function keptSessions(): number {
  return kept.size;
}

/**
 * Keeps the native side of a session until those of its streams are gone. Call it when the session has been made.
 *
 * A header block that is refused in its middle leaves memory with its stream. Node frees a stream in the next round
 * of immediates, and a session that has been destroyed whenever memory is collected: if that comes between the two, it
 * finds the session's memory in use, and aborts the process. The other side can bring that about: with such a block
 * and a GOAWAY behind it.
 */
export function keepSession(session: Http2Session): void {
  const handle = handleOf(session);
  if (handle === undefined) return;
  kept.add(handle);
  // Immediates of Node's native side come before those of scripts: in the second round all have been run.
  session.once("close", () => setImmediate(() => setImmediate(() => kept.delete(handle))));
}

function handleOf(session: Http2Session): unknown {
  const symbol = Object.getOwnPropertySymbols(session).find(
    ({ description }) => description === handleName,
  );
  return symbol === undefined ? undefined : (session as unknown as Record<symbol, unknown>)[symbol];
}
