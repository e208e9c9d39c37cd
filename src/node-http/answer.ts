import { Duplex } from "node:stream";
import type { FieldLines } from "../http/field-lines.ts";
import type { PreparedAnswer, WholeAnswer } from "./whole-answers.ts";

/** The head of an answer. */
export type AnswerHead = Pick<WholeAnswer, "status" | "reason" | "headers">;

/** The answer to one request, in whatever protocol its client speaks. */
export interface Answer {
  /** The status that the client is sent, if it has been decided. */
  readonly status: number;
  /** The largest status that its protocol can carry. */
  readonly maxStatus: number;
  /** Whether its head has been sent, or is about to be. */
  readonly begun: boolean;
  /** Whether all of it has been sent. */
  readonly finished: boolean;
  /** Whether the client has left. */
  readonly gone: boolean;
  /** Whether the client was given up because it did not read, or did not send. */
  readonly stalled: boolean;
  /** Changes whenever the client has taken something of it; undefined if nothing waits to be taken. */
  readonly unsent: string | undefined;
  /** Whether the client does not keep up: what is written waits, until `onDrain`. */
  readonly needsDrain: boolean;
  /** Has others give way before it if another client wants a place, from the whole request to the whole answer. */
  keepPlace(): void;
  /** Lets the client pause in the middle of its request for as long as it likes. */
  allowPauses(): void;
  /** Has the client use another connection for its next request. */
  endConnection(): void;
  /** Calls back when it has come to its end, or the client has left. */
  onClose(listener: () => void): void;
  /** Ends it, because its client stands still. */
  giveUp(): void;
  /** Calls back if the client stops in the middle of its request: the code that waits for the rest answers. */
  onStall(listener: () => void): void;
  /** Calls back once when the client has taken what was written. */
  onDrain(listener: () => void): void;
  /** Has a client go on that waits with its body. */
  sendContinue(): void;
  /** Sends an interim response (1xx), unless the client does not keep up. */
  sendInterim(head: AnswerHead): void;
  /** Sends the head; the body follows. */
  sendHead(head: AnswerHead): void;
  /** Sends a part of the body. */
  write(chunk: Buffer): void;
  /** It is whole; trailers must be fit to be sent. */
  end(trailers: FieldLines): void;
  /** Sends all of it; `Content-Length` is that of the answer (of 304 and to HEAD, of what it stands for). */
  sendWhole(whole: WholeAnswer): void;
  /** Sends one that is given often, with more headers. */
  sendPrepared(prepared: PreparedAnswer, more: FieldLines): void;
  /** Ends it in the middle, so that the client cannot take it for a whole one. */
  breakOff(): void;
  /** Ends it at once, wherever it stands. */
  abandon(): void;
}

/** Who is answered: a request, or a connection whose request has no answer (an upgrade, or what could not be parsed). */
export type Client = Answer | Duplex;

/** Whether a client is answered as one request, and not by the bytes of its connection. */
export function isAnswer(client: Client): client is Answer {
  return !(client instanceof Duplex);
}
