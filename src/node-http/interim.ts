import type { Duplex } from "node:stream";
import { writeFields } from "../http/field-lines.ts";
import type { AnswerHead } from "./answer.ts";

/** Writes an interim response of HTTP/1.1 to a connection, unless its client does not keep up. */
export function writeInterim(socket: Duplex, { status, reason, headers }: AnswerHead): void {
  if (!socket.writable || socket.writableNeedDrain) return;
  socket.write(`HTTP/1.1 ${status} ${reason}\r\n${writeFields(headers)}\r\n`, "latin1");
}
