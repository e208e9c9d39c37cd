import type { OutgoingHttpHeaders } from "node:http2";
import { eachField, type FieldLines } from "../../http/field-lines.ts";

/** What ends with a connection of HTTP/1.1, or is said by a pseudo-header field. */
const left = new Set(["host", "connection", "transfer-encoding", "te"]);

/** A request's header list in HTTP/2. Lines of one name stay apart where Node lets them, and are joined elsewhere. */
export function requestFields(
  {
    method,
    target,
    headers,
  }: {
    readonly method: string;
    readonly target: string;
    readonly headers: FieldLines;
  },
  scheme: string,
): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = {
    ":method": method,
    ":scheme": scheme,
    ":path": target,
    ...fieldsOf(headers),
    te: "trailers",
  };
  for (const [name, value] of eachField(headers)) {
    if (name.toLowerCase() === "host") fields[":authority"] = value;
  }
  return fields;
}

/** Header lines or trailers, each name once. */
export function fieldsOf(lines: FieldLines): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = {};
  for (const [sent, value] of eachField(lines)) {
    const name = sent.toLowerCase();
    if (left.has(name)) continue;
    const before = fields[name];
    // A cookie has a separator of its own (RFC 9113 section 8.2.3).
    const separator = name === "cookie" ? "; " : ", ";
    fields[name] = before === undefined ? value : `${before}${separator}${value}`;
  }
  return fields;
}
