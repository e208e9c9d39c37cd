import type { Http2Session, Http2Stream } from "node:http2";

/** What Node calls the property of a session, and of a stream, that holds its native side. */
const handleName = "kHandle";

const kept = new Set<unknown>();
/** Holds the native side of a session until memory of the native side of a stream has been collected. */
const streams = new FinalizationRegistry<unknown>(() => {});

/** Sessions whose native side is kept. */
export function keptSessions(): number {
  return kept.size;
}

/**
 * Keeps the native side of a session until those of its streams are gone. Call it when the session has been made;
 * a client calls `keepStream` for each of its streams as well.
 *
 * A header block that is refused in its middle leaves memory with its stream. Node frees a stream in the next round
 * of immediates, or whenever memory is collected if something of it is being written then; and a session that has been
 * destroyed whenever memory is collected. If the session is freed first, it finds its memory in use, and aborts the
 * process. The other side can bring that about: with such a block and a GOAWAY behind it.
 */
export function keepSession(session: Http2Session): void {
  const handle = handleOf(session);
  if (handle === undefined) return;
  kept.add(handle);
  // A client's session emits it only for what is pushed.
  session.on("stream", (stream: Http2Stream) => keepWith(stream, handle));
  // Immediates of Node's native side come before those of scripts: in the second round all have been run.
  session.once("close", () => setImmediate(() => setImmediate(() => kept.delete(handle))));
}

/** Keeps the native side of a client's session until that of a stream is gone. Call it when the stream has been made. */
export function keepStream(session: Http2Session, stream: Http2Stream): void {
  const handle = handleOf(session);
  if (handle !== undefined) keepWith(stream, handle);
}

function keepWith(stream: Http2Stream, handle: unknown): void {
  const own = handleOf(stream);
  if (own !== undefined) streams.register(own, handle);
}

/** The same for sessions and streams; looked up once, since each stream needs it. */
let handleSymbol: symbol | undefined;

function handleOf(owner: Http2Session | Http2Stream): object | undefined {
  handleSymbol ??= Object.getOwnPropertySymbols(owner).find(
    ({ description }) => description === handleName,
  );
  if (handleSymbol === undefined) return undefined;
  return (owner as unknown as Record<symbol, object | undefined>)[handleSymbol];
}
