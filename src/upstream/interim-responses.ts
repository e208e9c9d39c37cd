import type { IncomingMessage } from "node:http";
import { writeFields } from "../http/field-lines.ts";
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
 * nobody asked for, and if too many come at once.
 */
export class InterimResponses {
  readonly #request: IncomingMessage;
  readonly #addsVia: boolean;
  #count = 0;
  #sinceMs = 0;

  /** `addsVia`: whether revgate names itself. */
  constructor(request: IncomingMessage, addsVia: boolean) {
    this.#request = request;
    this.#addsVia = addsVia;
  }

  /** Takes one. */
  pass(head: ResponseHead): void {
    const { status, reason } = head;
    if (status === switchingProtocols) {
      throw new UpstreamError("malformed", `the application answered ${status} unasked`);
    }
    this.#limit();
    const { socket, httpVersionMinor } = this.#request;
    if (status === dropped || httpVersionMinor < 1) return;
    if (!socket.writable || socket.writableNeedDrain) return;
    const passed = writeFields(responseHeaders(head, this.#request, this.#addsVia));
    // Requests of one connection are answered one after the other, so the line is free.
    socket.write(`HTTP/1.1 ${status} ${reason}\r\n${passed}\r\n`, "latin1");
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
