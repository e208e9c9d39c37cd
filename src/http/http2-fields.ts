import type { OutgoingHttpHeaders } from "node:http";
import { eachField, type FieldLines } from "./field-lines.ts";

/**
 * What means something to a connection of HTTP/1.1 alone: a message of HTTP/2 must not have it (RFC 9113
 * section 8.2.2; `HTTP2-Settings` by RFC 7540 section 3.2.1). Names in lower case.
 */
export const connectionFields: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Field lines as HTTP/2 has them, put beside `given`: names in lower case, each once, without those of connections.
 * `TE`, too, is left out, since a request says it anew, and so are lines called `except`.
 *
 * Node takes but one line of most names, so the lines of one name are joined, which means the same (RFC 9110
 * section 5.3, for `Cookie` RFC 9113 section 8.2.3); those of `Set-Cookie` stay apart. An empty line leaves no space at
 * the end: strict recipients drop a field that ends with one (RFC 9113 section 8.2.1).
 */
export function http2Fields(
  lines: FieldLines,
  given: OutgoingHttpHeaders = {},
  except = "te",
): OutgoingHttpHeaders {
  for (const [sent, value] of eachField(lines)) {
    const name = sent.toLowerCase();
    if (name === "te" || name === except || connectionFields.has(name)) continue;
    // A name may be one that every object has, such as `constructor`.
    if (Object.hasOwn(given, name)) addLine(given, name, value);
    else set(given, name, name === "set-cookie" ? [value] : value);
  }
  return given;
}

function addLine(fields: OutgoingHttpHeaders, name: string, value: string): void {
  const before = fields[name];
  if (Array.isArray(before)) before.push(value);
  else set(fields, name, joined(name, `${before}`, value));
}

/**
 * The most that a head of so many bytes takes in HTTP/2, lines of revgate's own included: Node sends no longer one,
 * and by itself none above 64 KiB.
 */
export function blockBytes(headBytes: number): number {
  return 4 * headBytes + 65_536;
}

function set(fields: OutgoingHttpHeaders, name: string, value: string | string[]): void {
  if (name !== "__proto__") fields[name] = value;
  else Object.defineProperty(fields, name, { value, enumerable: true, configurable: true });
}

function joined(name: string, before: string, value: string): string {
  const separator = name === "cookie" ? ";" : ",";
  return value === "" ? `${before}${separator}` : `${before}${separator} ${value}`;
}
