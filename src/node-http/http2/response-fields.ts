import type { OutgoingHttpHeaders } from "node:http2";
import { eachField, type FieldLines } from "../../http/field-lines.ts";
import { connectionFields } from "./connection-fields.ts";

/**
 * A header section of HTTP/1.1 as HTTP/2 has it: names in lower case, each once.
 *
 * Node sends the lines of one name together. Of most names it takes but one line: several are joined, which means
 * the same (RFC 9110 section 5.3); `Set-Cookie` is the exception to both.
 */
export function responseFields(status: number, lines: FieldLines): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = { ":status": status };
  for (const [sent, value] of eachField(lines)) {
    const name = sent.toLowerCase();
    if (connectionFields.has(name)) continue;
    const before = fields[name];
    if (before === undefined) fields[name] = name === "set-cookie" ? [value] : value;
    else if (Array.isArray(before)) before.push(value);
    else fields[name] = `${before}, ${value}`;
  }
  return fields;
}
