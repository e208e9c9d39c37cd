import type { FieldLines } from "../http/field-lines.ts";
import type { ClientRequest } from "../node-http/client-request.ts";
import type { Carrier } from "./http1/exchange.ts";

/** A request's body, and the connection that carries it. */
export interface Upload {
  readonly request: ClientRequest;
  /** What was read of it by now. */
  readonly received: Buffer;
  readonly carrier: Carrier;
  /** What is passed on of the trailers that came behind it. */
  readonly passTrailers: (trailers: FieldLines) => FieldLines;
  /** Whether the connection carries this request still. */
  readonly isCarried: () => boolean;
  /** A part of it has been sent; `keepsUp`: the application takes more. */
  readonly onPart: (keepsUp: boolean) => void;
  /** The client has left in the middle. */
  readonly onLeft: () => void;
}

/** Sends the body of a request over a connection as it comes. */
export function sendUpload(upload: Upload): void {
  const { request, received, carrier, isCarried, onLeft } = upload;
  const end = () => carrier.endBody(upload.passTrailers(request.rawTrailers));
  const leave = () => {
    if (!request.readableEnded && isCarried()) onLeft();
  };
  if (received.length > 0) carrier.writeBody(received);
  if (request.readableEnded) {
    end();
    return;
  }
  request.on("data", (chunk: Buffer) => {
    if (!isCarried()) return;
    const keepsUp = carrier.writeBody(chunk);
    upload.onPart(keepsUp);
    if (!keepsUp) request.pause();
  });
  request.on("end", () => {
    if (isCarried()) end();
  });
  request.on("error", () => {});
  request.on("close", leave);
  // The reader of a part of it has stopped it there.
  if (received.length > 0) request.resume();
  if (request.destroyed) leave();
}
