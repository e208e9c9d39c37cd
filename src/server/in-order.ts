import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests that one connection may have waiting behind the one that is being answered. */
const mostWaiting = 32;

interface Line {
  current: ServerResponse;
  waiting: number;
}

const lines = new WeakMap<Socket, Line>();

type Listener<Response> = (request: IncomingMessage, response: Response) => void;

/**
 * Makes a listener take the requests of one connection one after the other.
 *
 * Node hands over pipelined requests while the one before is still being answered; a call that was
 * sent right behind a logout would then be judged before the logout is done. Beyond a bounded number
 * of waiting requests, the connection is closed after the last of them (RFC 9112 section 9.3.2: the
 * client sends the rest again).
 */
export function inOrder<Response extends ServerResponse>(
  listener: Listener<Response>,
): Listener<Response> {
  return (request, response) => {
    const { socket } = request;
    const line = lines.get(socket);
    if (line === undefined) {
      lines.set(socket, { current: response, waiting: 0 });
      listener(request, response);
      return;
    }
    if (line.current.writableFinished) {
      // Behind the last answer of a connection nothing counts, not even what has arrived already.
      if (!line.current.shouldKeepAlive) return;
      line.current = response;
      listener(request, response);
      return;
    }
    if (line.waiting >= mostWaiting) {
      line.current.shouldKeepAlive = false;
      return;
    }
    const before = line.current;
    line.current = response;
    line.waiting += 1;
    before.once("close", () => {
      line.waiting -= 1;
      if (before.writableFinished && before.shouldKeepAlive) listener(request, response);
    });
  };
}

/** Whether a connection is free for another answer, has one under way, or has had its last. */
export function stateOf(socket: Socket): "free" | "answering" | "ending" {
  const current = lines.get(socket)?.current;
  if (current === undefined) return "free";
  if (!current.writableFinished) return "answering";
  return current.shouldKeepAlive ? "free" : "ending";
}

/** The response that a connection will have last, as far as it has asked by now; undefined where none is due. */
export function lastResponseOn(socket: Socket): ServerResponse | undefined {
  const current = lines.get(socket)?.current;
  return current === undefined || current.writableFinished ? undefined : current;
}
