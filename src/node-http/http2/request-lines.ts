import { eachField, type FieldLines, findField } from "../../http/field-lines.ts";
import { connectionFields } from "../../http/http2-fields.ts";

/** A request as HTTP/1.1 would have it. */
export interface RequestLines {
  readonly method: string;
  /** Empty if it is no target of HTTP/1.1: then it is refused. */
  readonly target: string;
  readonly headers: FieldLines;
}

/**
 * Shows a request of HTTP/2 as the one of HTTP/1.1 that means the same (RFC 9113 sections 8.2.3 and 8.3.1), so
 * that one set of checks judges both: `:authority` is the Host, the crumbs of a cookie are one line, and a body of
 * unknown length comes in chunks.
 *
 * A Host that differs from the authority stays as a second one, and a target in none of the forms of HTTP/1.1 is
 * left out: both are refused like any other request with two readings.
 */
export function requestLines(fields: FieldLines, hasBody: boolean): RequestLines {
  const pseudo = new Map<string, string>();
  const headers: string[] = [];
  for (const [name, value] of eachField(fields)) {
    if (name.startsWith(":")) pseudo.set(name, value);
    else if (name !== "cookie" || !addCrumb(headers, value)) headers.push(name, value);
  }
  const isChunked = hasBody && findField(headers, "content-length") === -1;
  return {
    method: pseudo.get(":method") ?? "",
    target: headers.some(isOfConnection) ? "" : targetOf(pseudo),
    headers: [
      ...withHost(pseudo.get(":authority"), headers),
      ...(isChunked ? ["transfer-encoding", "chunked"] : []),
    ],
  };
}

/** Adds a part of a cookie to the line that is there; false if there is none. */
function addCrumb(headers: string[], value: string): boolean {
  const at = findField(headers, "cookie");
  if (at !== -1) headers[at + 1] += `; ${value}`;
  return at !== -1;
}

/**
 * Whether a name, at an even place, is one that means something to a connection of HTTP/1.1. Node refuses most of
 * them. They would frame a message of HTTP/1.1, so they are looked for once more.
 */
function isOfConnection(name: string, at: number): boolean {
  return at % 2 === 0 && connectionFields.has(name);
}

/** Only a path of HTTP: a proxy that put another scheme before it would make another target of it. */
function targetOf(pseudo: ReadonlyMap<string, string>): string {
  const scheme = pseudo.get(":scheme");
  const path = pseudo.get(":path") ?? "";
  if (scheme !== "http" && scheme !== "https") return "";
  return path.startsWith("/") || path === "*" ? path : "";
}

function withHost(authority: string | undefined, headers: string[]): string[] {
  if (authority === undefined) return headers;
  const at = findField(headers, "host");
  if (at !== -1 && headers[at + 1]?.toLowerCase() === authority.toLowerCase()) {
    headers.splice(at, 2);
  }
  return ["host", authority, ...headers];
}
