import type { Socket } from "node:net";

type Done = (error?: Error | null) => void;

/**
 * Has a socket whose other side takes no more be read to its end.
 *
 * Node destroys a socket as soon as a write has failed, and with it what the other side had sent before it
 * closed: an application that answers 413 and closes would not be heard. `onFailed` is told of the first
 * write that failed; it and all later ones count as done. What the socket still has to read, its end, and an
 * error of reading are told as ever.
 */
export function outliveWriteErrors(socket: Socket, onFailed: (error: Error) => void): void {
  const { _write: write, _writev: writev } = socket;
  let failed = false;
  const guarded =
    (done: Done): Done =>
    (error) => {
      if (error && !failed) {
        failed = true;
        onFailed(error);
      }
      done();
    };
  socket._write = (chunk, encoding, done) => {
    if (failed) done();
    else write.call(socket, chunk, encoding, guarded(done));
  };
  socket._writev = (chunks, done) => {
    if (failed) done();
    else writev?.call(socket, chunks, guarded(done));
  };
}
