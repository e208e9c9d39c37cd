import type { Http2Stream } from "node:http2";

type Push = (piece: Buffer | null) => boolean;

/**
 * Lets what a stream receives end only if the other side has sent END_STREAM; otherwise the stream fails.
 *
 * Node ends it as well if the other side gives the stream up with RST_STREAM and NO_ERROR or CANCEL, and half a
 * message looks whole (RFC 9113 section 8.1). Call it before anything has been received. `push` hands pieces on;
 * default: the stream's own.
 */
export function endOnlyWhole(stream: Http2Stream, push: Push = stream.push.bind(stream)): void {
  let isWhole = false;
  stream.push = (piece: Buffer | null) => {
    // END_STREAM comes before Node knows the stream as closed; what ends it otherwise closes it first.
    if (piece !== null || isWhole || !stream.closed) {
      isWhole ||= piece === null;
      return push(piece);
    }
    // Not here: Node is in the middle of closing it.
    process.nextTick(() => stream.destroy(new Error("the stream was reset before its end")));
    return false;
  };
}
