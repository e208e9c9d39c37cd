import { eachField, type FieldLines, fieldValues } from "../../http/field-lines.ts";
import { isMethod, type RequestLine } from "../original-request.ts";
import type { AskedRequest, HeaderMap, HeaderValueOption } from "./messages.ts";

/** A request as Envoy shows it, or why it can't be told which one it is. */
export type AskedHead =
  | { readonly line: RequestLine; readonly headers: FieldLines; readonly scheme: string }
  | { readonly why: string };

const fieldName = /^[\w!#$%&'*+.^`|~-]+$/;
/** What ends a line, or may: Envoy has refused it in what it received. */
const lineEnds = /[\0\r\n]/;
/** A target as it can stand in a request line. */
const targetText = /^[^\0-\x20\x7f]+$/;
const nonAscii = /[^\0-\x7f]/;

/** The lines of a header map, one byte a character. */
export function linesOf({ headers = [] }: HeaderMap): string[] {
  return headers.flatMap(({ key = "", value = "", rawValue }) => [
    key,
    rawValue !== undefined && rawValue.length > 0 ? rawValue.toString("latin1") : oneByte(value),
  ]);
}

/** A text of a message as Node hands headers over: one byte a character. */
function oneByte(text: string): string {
  return nonAscii.test(text) ? Buffer.from(text).toString("latin1") : text;
}

/**
 * Reads which request Envoy asks about, from the pseudo-headers among its lines (RFC 9113 section 8.3.1). `told`: what is
 * said of it besides; if the two differ, it is not read.
 */
export function readHead(lines: FieldLines, told: Partial<RequestLine> = {}): AskedHead {
  const all = [...eachField(lines)];
  const own = all.filter(([name]) => !name.startsWith(":"));
  if (all.some(([, value]) => lineEnds.test(value)))
    return { why: "a header line has a line break" };
  if (!own.every(([name]) => fieldName.test(name))) return { why: "a header line has no name" };
  const method = oneOf([...fieldValues(lines, ":method"), told.method]);
  const target = oneOf([...fieldValues(lines, ":path"), told.target]);
  const host = oneOf([
    ...fieldValues(lines, ":authority"),
    ...own.flatMap(([name, value]) => (name.toLowerCase() === "host" ? [value] : [])),
    told.host,
  ]);
  if (method === undefined || !isMethod(method)) return { why: "it has not one method" };
  if (target === undefined || !targetText.test(target)) return { why: "it has not one target" };
  if (host === undefined) return { why: "it has not one host" };
  const [scheme = ""] = fieldValues(lines, ":scheme");
  return { line: { method, target, host }, headers: own.flat(), scheme };
}

/** What all agree on; undefined if they differ, or say nothing. */
function oneOf(values: readonly (string | undefined)[]): string | undefined {
  const said = new Set(values.filter((value) => value));
  return said.size === 1 ? [...said][0] : undefined;
}

/** Reads which request a `CheckRequest` is about. */
export function readAsked(asked: AskedRequest | undefined): AskedHead {
  if (asked === undefined) return { why: "there is no HTTP request" };
  const { headers = {}, headerMap, scheme = "" } = asked;
  // encode_raw_headers: one form or the other, never both.
  const raw = headerMap?.headers === undefined ? [] : linesOf(headerMap);
  const joined = Object.entries(headers).flatMap(([name, value]) => [name, oneByte(value)]);
  if (raw.length > 0 && joined.length > 0) return { why: "its headers are there in two forms" };
  const head = readHead(raw.length > 0 ? raw : joined, {
    method: asked.method ?? "",
    target: oneByte(asked.path ?? ""),
    host: oneByte(asked.host ?? ""),
  });
  return "why" in head || scheme === "" ? head : { ...head, scheme };
}

/** Lines as a message has them, with names in lower case: those of one name replace all that are there. */
export function replacing(lines: FieldLines, form: "text" | "bytes"): HeaderValueOption[] {
  const seen = new Set<string>();
  return [...eachField(lines)].map(([name, value]) => {
    const key = name.toLowerCase();
    const isRepeated = seen.has(key);
    seen.add(key);
    const bytes = Buffer.from(value, "latin1");
    const header = form === "bytes" ? { key, rawValue: bytes } : { key, value: bytes.toString() };
    return { header, append: { value: isRepeated } };
  });
}
