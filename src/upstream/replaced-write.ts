import type { Duplex } from "node:stream";

/**
 * Sends a text in place of the next head that is written to a stream: of Node's client and of http-proxy, which
 * write names in lower case, put lines of one name together, and have no reason phrase.
 */
export function replaceNextHead(stream: Duplex, head: string): void {
  const { write } = stream;
  stream.write = (chunk: unknown, ...more: unknown[]) => {
    stream.write = write;
    const isHead = typeof chunk === "string" && chunk.endsWith("\r\n\r\n");
    if (!isHead) throw new TypeError("not the head that was expected is written");
    const callback = more.find((each) => typeof each === "function");
    return Reflect.apply(write, stream, [head, "latin1", callback]);
  };
}
