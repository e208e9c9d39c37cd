import type { Socket } from "node:net";
import type { FieldLines } from "../http/field-lines.ts";

/**
 * A client's request, as far as its way to the application needs to know it. Over HTTP/1.1 it is Node's own
 * `IncomingMessage`; over HTTP/2 a stream is shown as the request of HTTP/1.1 that means the same.
 */
export interface ClientRequest {
  readonly method?: string | undefined;
  /** The target as it was sent. */
  readonly url?: string | undefined;
  /** `1.0`, `1.1` or `2`. */
  readonly httpVersion: string;
  readonly rawHeaders: FieldLines;
  /** There when its body has ended. */
  readonly rawTrailers: FieldLines;
  readonly socket: Socket;
  /** Whether nothing more of it comes. */
  readonly destroyed: boolean;
  /** Whether its body was read to the end. */
  readonly readableEnded: boolean;
  on(event: "data", listener: (chunk: Buffer) => void): this;
  on(event: "end" | "close", listener: () => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  off(event: "data", listener: (chunk: Buffer) => void): this;
  off(event: "end" | "close", listener: () => void): this;
  pause(): unknown;
  resume(): unknown;
}

/** Whether its client knows interim responses and trailers, which came with HTTP/1.1 (RFC 9110 section 15.2). */
export function knowsInterimResponses({
  httpVersion,
}: Pick<ClientRequest, "httpVersion">): boolean {
  return httpVersion !== "1.0";
}
