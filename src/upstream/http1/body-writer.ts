import type { Socket } from "node:net";
import { type BodyFraming, type FieldLines, writeFields } from "../../http/field-lines.ts";

const lineEnd = Buffer.from("\r\n");

/** Writes a part of a request's body; false asks to wait for `drain`. */
export function writeBodyPart(
  socket: Socket,
  framing: BodyFraming | undefined,
  part: Buffer,
): boolean {
  if (framing !== "chunked") return socket.write(part);
  // A chunk of nothing would be the end.
  if (part.length === 0) return true;
  socket.cork();
  socket.write(`${part.length.toString(16)}\r\n`, "latin1");
  socket.write(part);
  const keepsUp = socket.write(lineEnd);
  socket.uncork();
  return keepsUp;
}

/** Writes what follows the last part; trailers, which must be fit to be sent, only after chunks. */
export function writeBodyEnd(
  socket: Socket,
  framing: BodyFraming | undefined,
  trailers: FieldLines,
): void {
  if (framing === "chunked") socket.write(`0\r\n${writeFields(trailers)}\r\n`, "latin1");
}
