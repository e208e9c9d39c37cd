import { type BodyFraming, type FieldLines, writeFields } from "../http/field-lines.ts";

/** A request as it is sent to the application. */
export interface SentRequest {
  readonly method: string;
  /** In origin form. */
  readonly target: string;
  readonly headers: FieldLines;
}

/** Its first line and its header section with the empty line behind it, one byte a character. */
export function writeRequestHead(
  { method, target, headers }: SentRequest,
  body: BodyFraming,
): string {
  const coding = body === "chunked" ? "Transfer-Encoding: chunked\r\n" : "";
  return `${method} ${target} HTTP/1.1\r\n${writeFields(headers)}${coding}Connection: keep-alive\r\n\r\n`;
}
