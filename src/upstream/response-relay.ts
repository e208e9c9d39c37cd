import type { IncomingMessage } from "node:http";
import type { FieldLines } from "../http/field-lines.ts";
import type { Answer } from "../node-http/answer.ts";
import { breakOff } from "./broken-response.ts";
import type { ResponseHead } from "./http1/response-events.ts";
import { offersUpgrade, responseHeaders, responseTrailers } from "./response-headers.ts";

/** Where a response comes from. */
export interface ResponseSource {
  /** The client does not keep up: nothing more is to come for now. */
  pause(): void;
  resume(): void;
}

/** What of a response is passed on how. */
export interface RelayOptions {
  readonly request: IncomingMessage;
  readonly answer: Answer;
  /** Whether revgate names itself in the `Via` of the response. */
  readonly addsVia: boolean;
}

/** A head that has not been sent yet. Name and value alternate. */
interface PendingHead {
  readonly reason: string;
  readonly headers: string[];
}

const nothing = Buffer.alloc(0);

/**
 * Passes one response on to the client: the head with the first part of the body, or alone if that takes its
 * time; the body no faster than the client takes it; the trailers. A class, not closures: one is made for every
 * response.
 */
export class ResponseRelay {
  readonly status: number;
  readonly #answer: Answer;
  readonly #source: ResponseSource;
  #head: PendingHead | undefined;
  #draining = false;

  /** Nothing is sent yet. */
  constructor(
    head: ResponseHead,
    { request, answer, addsVia }: RelayOptions,
    source: ResponseSource,
  ) {
    const headers = responseHeaders(head, request, addsVia);
    if (offersUpgrade(head.status, headers)) {
      headers.push("Connection", "close, Upgrade");
      answer.endConnection();
    }
    this.status = head.status;
    this.#answer = answer;
    this.#source = source;
    this.#head = { reason: head.reason, headers };
  }

  /** Whether nothing was sent yet. */
  get isPending(): boolean {
    return this.#head !== undefined;
  }

  /** Whether the client has yet to take what it was sent. */
  get isWaiting(): boolean {
    return this.#draining;
  }

  /** Sends all of it, its body one byte a character. Only if nothing was sent before. */
  sendWhole(body: string): void {
    const { reason = "", headers = [] } = this.#head ?? {};
    this.#head = undefined;
    this.#answer.sendWhole({ status: this.status, reason, headers, body });
  }

  /** The head alone, ahead of a body that takes its time. */
  flushHead(): void {
    if (this.#head === undefined) return;
    // (flushHeaders would send it as UTF-8, and change bytes beyond ASCII.)
    this.write(nothing);
  }

  write(chunk: Buffer): void {
    this.#writeHead();
    const { stream } = this.#answer;
    stream.write(chunk);
    if (stream.writableNeedDrain) this.#waitForDrain();
  }

  /** It is whole. */
  end(trailers: FieldLines): void {
    this.#writeHead();
    const { stream } = this.#answer;
    if (trailers.length > 0) stream.addTrailers(responseTrailers(trailers));
    stream.end();
  }

  /** Ends it so that the client can't take it for a whole one. */
  breakOff(): void {
    breakOff(this.#answer);
  }

  #writeHead(): void {
    if (this.#head === undefined) return;
    const { reason, headers } = this.#head;
    this.#head = undefined;
    this.#answer.stream.writeHead(this.status, reason, [...headers]);
  }

  /** The client does not keep up: the application waits until it has. */
  #waitForDrain(): void {
    this.#source.pause();
    if (this.#draining) return;
    this.#draining = true;
    this.#answer.stream.once("drain", () => {
      this.#draining = false;
      this.#source.resume();
    });
  }
}
