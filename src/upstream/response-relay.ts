import type { FieldLines } from "../http/field-lines.ts";
import type { Answer, AnswerHead } from "../node-http/answer.ts";
import type { ClientRequest } from "../node-http/client-request.ts";
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
  readonly request: ClientRequest;
  readonly answer: Answer;
  /** Whether revgate names itself in the `Via` of the response. */
  readonly addsVia: boolean;
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
  /** Not sent yet. */
  #head: AnswerHead | undefined;
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
    this.#head = { status: head.status, reason: head.reason, headers };
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
    this.#answer.write(chunk);
    if (this.#answer.needsDrain) this.#waitForDrain();
  }

  /** It is whole. */
  end(trailers: FieldLines): void {
    if (this.isPending && trailers.length === 0) {
      this.sendWhole("");
      return;
    }
    this.#writeHead();
    this.#answer.end(trailers.length > 0 ? responseTrailers(trailers) : trailers);
  }

  /** Ends it so that the client can't take it for a whole one. */
  breakOff(): void {
    this.#answer.breakOff();
  }

  #writeHead(): void {
    if (this.#head === undefined) return;
    const head = this.#head;
    this.#head = undefined;
    this.#answer.sendHead(head);
  }

  /** The client does not keep up: the application waits until it has. */
  #waitForDrain(): void {
    this.#source.pause();
    if (this.#draining) return;
    this.#draining = true;
    this.#answer.onDrain(() => {
      this.#draining = false;
      this.#source.resume();
    });
  }
}
