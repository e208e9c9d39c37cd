import type { IncomingMessage } from "node:http";
import type { Connection } from "./http1/connection.ts";

/** A request's body, and the connection that carries it. */
export interface Upload {
  readonly request: IncomingMessage;
  /** What was read of it by now. */
  readonly received: Buffer;
  readonly connection: Connection;
  /** Whether the connection carries this request still. */
  readonly isCarried: () => boolean;
  /** The client has left in the middle. */
  readonly onLeft: () => void;
}

/** Sends the body of a request over a connection as it comes. */
export function sendUpload({ request, received, connection, isCarried, onLeft }: Upload): void {
  const leave = () => {
    if (!request.readableEnded && isCarried()) onLeft();
  };
  if (received.length > 0) connection.writeBody(received);
  if (request.readableEnded) {
    connection.endBody();
    return;
  }
  request.on("data", (chunk: Buffer) => {
    if (isCarried() && !connection.writeBody(chunk)) request.pause();
  });
  request.on("end", () => {
    if (isCarried()) connection.endBody();
  });
  request.on("error", () => {});
  request.on("close", leave);
  // Whoever has read a part of it has stopped it there.
  if (received.length > 0) request.resume();
  if (request.destroyed) leave();
}
