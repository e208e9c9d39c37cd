import type { IncomingMessage } from "node:http";
import { responseHeaders } from "./headers.ts";
import type { ResponseHead } from "./http1/response-parser.ts";
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
  #count = 0;
  #sinceMs = 0;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  /** Takes one. */
  pass({ status, reason, headers }: ResponseHead): void {
    if (status === switchingProtocols) {
      throw new UpstreamError("malformed", `the application answered ${status} unasked`);
    }
    this.#limit();
    const { socket, httpVersionMinor } = this.#request;
    if (status === dropped || httpVersionMinor < 1) return;
    if (!socket.writable || socket.writableNeedDrain) return;
    const passed = responseHeaders(headers);
    const lines = [`HTTP/1.1 ${status} ${reason}`];
    for (let i = 0; i < passed.length; i += 2) lines.push(`${passed[i]}: ${passed[i + 1]}`);
    // Requests of one connection are answered one after the other, so the line is free.
    socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
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
