import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { atEndOfTurn } from "./end-of-turn.ts";
import { Http1Answer } from "./http1-answer.ts";

/**
 * Requests beyond those, and behind a last answer, before the connection is cut. Node's own way makes a
 * response of a kilobyte for each, and keeps it until those before are done.
 */
const maxDropped = 256;

/** The requests of one connection. */
export interface Line {
  /** The answer to the last of them. */
  current: Http1Answer | undefined;
  /** How many wait for the one before. */
  waiting: number;
  /** How many came that will not be answered. */
  dropped: number;
  /** Whether there ever was a request: until then, the limits on a request's time hold. */
  asked: boolean;
  /** Whether it carries another protocol by now. */
  upgraded: boolean;
}

const lines = new WeakMap<Socket, Line>();

/** What a connection may send ahead. */
export interface ReadAhead {
  /** Requests that it may have waiting behind the one that is being answered. */
  readonly maxWaiting: number;
  /** Called with a connection that sends more, and the answer to the last request that waits. */
  readonly onMore: (socket: Socket, last: Http1Answer) => void;
}
const forClients: ReadAhead = {
  maxWaiting: 32,
  onMore(socket, last) {
    last.endConnection();
    drop(lineOf(socket), socket);
  },
};

/** Anyone who answers requests. */
export type RequestListener = (request: IncomingMessage, answer: Http1Answer) => void;

/** The line of a connection. */
export function lineOf(socket: Socket): Line {
  let line = lines.get(socket);
  if (line === undefined) {
    line = { current: undefined, waiting: 0, dropped: 0, asked: false, upgraded: false };
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
 * client sends the rest again); one that keeps sending anyway is cut.
 */
export function inOrder(
  listener: RequestListener,
  { maxWaiting, onMore }: ReadAhead = forClients,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const line = lineOf(request.socket);
    const before = line.current;
    line.asked = true;
    // It had its turn, and could do without a response until now.
    if (before?.request === request) {
      before.attach(response);
      return;
    }
    const answer = new Http1Answer(request, response);
    if (before === undefined || before.finished) {
      // Behind the last answer of a connection nothing counts, not even what has arrived already.
      if (before?.keepsConnection === false) {
        drop(line, request.socket);
        return;
      }
      line.current = answer;
      listener(request, answer);
      return;
    }
    if (line.waiting >= maxWaiting) {
      onMore(request.socket, before);
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

function drop(line: Line, socket: Socket): void {
  line.dropped += 1;
  if (line.dropped > maxDropped) socket.destroy();
}

/** Whether a connection is free for another answer, has one in progress, or has had its last. */
export function stateOf(socket: Socket): "free" | "answering" | "ending" {
  const current = lines.get(socket)?.current;
  if (current === undefined) return "free";
  if (!current.finished) return "answering";
  return current.keepsConnection ? "free" : "ending";
}

/** The answer that a connection will have last, as far as it has asked by now; undefined if none is due. */
export function lastAnswerOn(socket: Socket): Http1Answer | undefined {
  const current = lines.get(socket)?.current;
  return current === undefined || current.finished ? undefined : current;
}

/** Closes a connection; an answer that is there by now, to a request before, still goes out. */
export function closeBehindAnswer(socket: Duplex): void {
  // Node has let go of one that asks for an upgrade: without this its errors would be uncaught until then.
  if (socket.listenerCount("error") === 0) socket.on("error", () => {});
  atEndOfTurn(() => socket.destroy());
}
