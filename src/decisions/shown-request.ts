import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { FieldLines } from "../http/field-lines.ts";
import type { ClientRequest } from "../node-http/client-request.ts";

/**
 * A request of which a gateway shows the head alone. (A class, and no stream until somebody reads: one is made for
 * every question, and a stream of Node's would cost a fifth of the answer.)
 */
export class ShownRequest implements ClientRequest {
  readonly method: string;
  readonly url: string;
  readonly httpVersion = "1.1";
  readonly rawHeaders: FieldLines;
  readonly rawTrailers: FieldLines = [];
  readonly socket: Socket;
  readonly destroyed = false;
  readonly readableEnded = true;
  #body: Readable | undefined;

  /** `socket`: the connection that the question came by. */
  constructor(socket: Socket, method: string, url: string, rawHeaders: FieldLines) {
    this.socket = socket;
    this.method = method;
    this.url = url;
    this.rawHeaders = rawHeaders;
  }

  get #empty(): Readable {
    this.#body ??= Readable.from([]);
    return this.#body;
  }

  on(event: "data" | "end" | "close" | "error", listener: (...about: never[]) => void): this {
    this.#empty.on(event, listener as () => void);
    return this;
  }

  off(event: "data" | "end" | "close", listener: (...about: never[]) => void): this {
    this.#empty.off(event, listener as () => void);
    return this;
  }

  pause(): void {
    this.#empty.pause();
  }

  resume(): void {
    this.#empty.resume();
  }
}
