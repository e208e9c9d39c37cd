import type { AnswerHead } from "../node-http/answer.ts";
import { type ClientRequest, knowsInterimResponses } from "../node-http/client-request.ts";
import type { ResponseHead } from "./http1/response-events.ts";
import { responseHeaders } from "./response-headers.ts";
import { UpstreamError } from "./upstream-error.ts";

/** An application that sends more of them in a second is at fault; there may be any number in all. */
const maxPerSecond = 100;
const dropped = 100;
const switchingProtocols = 101;

/**
 * Passes on the interim responses (1xx) to one request, as the application sends them.
 *
 * Not 100: it is revgate itself that answers `Expect: 100-continue`. Nor to a client of HTTP/1.0, which does
 * not know them (RFC 9110 section 15.2), or one that does not keep up. Throws an UpstreamError at 101, which
 * was not asked for, and if too many come at once.
 */
export class InterimResponses {
  readonly #request: ClientRequest;
  readonly #send: (head: AnswerHead) => void;
  readonly #addsVia: boolean;
  #count = 0;
  #sinceMs = 0;

  /** `send` sends one to the client. `addsVia`: whether revgate names itself. */
  constructor(request: ClientRequest, send: (head: AnswerHead) => void, addsVia: boolean) {
    this.#request = request;
    this.#send = send;
    this.#addsVia = addsVia;
  }

  /** Takes one. */
  pass(head: ResponseHead): void {
    const { status, reason } = head;
    if (status === switchingProtocols) {
      throw new UpstreamError("malformed", `the application answered ${status} unasked`);
    }
    this.#limit();
    if (status === dropped || !knowsInterimResponses(this.#request)) return;
    this.#send({ status, reason, headers: responseHeaders(head, this.#request, this.#addsVia) });
  }

  #limit(): void {
    const nowMs = performance.now();
    if (nowMs - this.#sinceMs >= 1000) {
      this.#sinceMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count <= maxPerSecond) return;
    throw new UpstreamError(
      "malformed",
      `the application sent more than ${maxPerSecond} interim responses in a second`,
    );
  }
}
