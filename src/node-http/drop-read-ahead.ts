import type { Socket } from "node:net";

/** What Node's parser of requests has, and its types do not show. */
interface RequestParser {
  onIncoming: ((request: unknown, keepsAlive: boolean) => number) | undefined;
}

/**
 * Has no response made for what a connection has sent ahead in the same packet: Node reads on when it is
 * closed, and keeps a response of a kilobyte for each request until then.
 *
 * A Node that has something else there goes on as it always did.
 */
export function dropReadAhead(socket: Socket & { readonly parser?: RequestParser }): void {
  const { parser } = socket;
  if (typeof parser?.onIncoming === "function") parser.onIncoming = () => 0;
}
