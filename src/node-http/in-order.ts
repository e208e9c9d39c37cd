import type { Socket } from "node:net";
import { Answer } from "./answer.ts";
import type { ProxyRequest, ProxyResponse } from "./http-messages.ts";

/** Requests that one connection may have waiting behind the one that is being answered. */
const mostWaiting = 32;

/** The requests of one connection. */
export interface Line {
  /** The answer to the last of them. */
  current: Answer | undefined;
  /** How many wait for the one before. */
  waiting: number;
}

const lines = new WeakMap<Socket, Line>();

/** Whoever answers requests. */
export type RequestListener = (request: ProxyRequest, answer: Answer) => void;

/** The line of a connection. */
export function lineOf(socket: Socket): Line {
  let line = lines.get(socket);
  if (line === undefined) {
    line = { current: undefined, waiting: 0 };
    lines.set(socket, line);
  }
  return line;
}

/**
 * Makes a listener take the requests of one connection one after the other.
 *
 * Node hands over pipelined requests while the one before is still being answered; a call that was
 * sent right behind a logout would then be judged before the logout is done. Beyond a bounded number
 * of waiting requests, the connection is closed after the last of them (RFC 9112 section 9.3.2: the
 * client sends the rest again).
 */
export function inOrder(
  listener: RequestListener,
): (request: ProxyRequest, response: ProxyResponse) => void {
  return (request, response) => {
    const line = lineOf(request.socket);
    const before = line.current;
    // It had its turn, and could do without a response until now.
    if (before?.request === request) {
      before.attach(response);
      return;
    }
    const answer = new Answer(request, response);
    if (before === undefined || before.finished) {
      // Behind the last answer of a connection nothing counts, not even what has arrived already.
      if (before?.keepsConnection === false) return;
      line.current = answer;
      listener(request, answer);
      return;
    }
    if (line.waiting >= mostWaiting) {
      before.endConnection();
      return;
    }
    line.current = answer;
    line.waiting += 1;
    before.onClose(() => {
      line.waiting -= 1;
      if (before.finished && before.keepsConnection) listener(request, answer);
    });
  };
}

/** Whether a connection is free for another answer, has one under way, or has had its last. */
export function stateOf(socket: Socket): "free" | "answering" | "ending" {
  const current = lines.get(socket)?.current;
  if (current === undefined) return "free";
  if (!current.finished) return "answering";
  return current.keepsConnection ? "free" : "ending";
}

/** The answer that a connection will have last, as far as it has asked by now; undefined where none is due. */
export function lastAnswerOn(socket: Socket): Answer | undefined {
  const current = lines.get(socket)?.current;
  return current === undefined || current.finished ? undefined : current;
}
