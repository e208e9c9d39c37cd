import type { BodyFraming, FieldLines } from "../../http/field-lines.ts";
import type { ResponseEvents } from "./response-events.ts";

/** What an exchange may ask of the connection that carries it. */
export interface Carrier {
  /** Sends a part of the body; false asks to wait for `onDrain`. */
  writeBody(chunk: Buffer): boolean;
  /** The body is whole. Trailers follow if it was sent in chunks; they must be fit to be sent. */
  endBody(trailers?: FieldLines): void;
  /** Takes no more of the response from the system; what was received by now is still handed over. */
  pause(): void;
  resume(): void;
  /** Gives up: the connection is closed, and the exchange is told nothing more. */
  abort(): void;
}

/** One request to the application, and who is told of its response. */
export interface Exchange extends ResponseEvents {
  readonly method: string;
  /** In origin form. */
  readonly target: string;
  /** The header section, in lines that are fit to be sent. */
  readonly headers: FieldLines;
  /** The request line and the header section with the empty line behind it; one byte a character. */
  readonly head: string;
  /** How its body is sent, behind the head. */
  readonly body: BodyFraming;
  /** How long the head of its response may take, if that is more than others have; over HTTP/2. */
  readonly responseTimeoutMs?: number | undefined;
  /** Whether its response may pause for as long as it likes. */
  readonly streams: boolean;
  /** The network of its client. */
  readonly network: string;
  /** Set while its client alone keeps it, with a body to send or an answer to take: it changes when the client moves. */
  readonly clientMark: string | undefined;
  /** Ends it for others, because its client keeps it. */
  giveWay(): void;
  /** A connection is there, and the head goes out over it next. False: it is not wanted any more. */
  onConnection(carrier: Carrier): boolean;
  /** The head is on its way, and the body can follow. Not called for one without. */
  sendBody(carrier: Carrier): void;
  /** More of the body can be written. */
  onDrain(): void;
  /** What was received has been handed over, and the response is not whole yet. */
  onPartial(): void;
  /**
   * No response, or no whole one, will come.
   *
   * `stale`: the connection had been there before, and was closed under the request without a byte of answer,
   * as happens to one that was idle. `unprocessed`: the application has said that it did nothing with the request.
   */
  onError(error: Error, stale: boolean, unprocessed?: boolean): void;
}
