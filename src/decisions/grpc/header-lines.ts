import { eachField, type FieldLines } from "../../http/field-lines.ts";
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
  const lines: string[] = [];
  for (const { key = "", value = "", rawValue } of headers) {
    const isRaw = rawValue !== undefined && rawValue.length > 0;
    lines.push(key, isRaw ? rawValue.toString("latin1") : oneByte(value));
  }
  return lines;
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
  const said: Said = {
    ":method": new Agreed(told.method),
    ":path": new Agreed(told.target),
    ":authority": new Agreed(told.host),
    ":scheme": new Agreed(),
  };
  const headers: string[] = [];
  for (let i = 0; i < lines.length; i += 2) {
    const why = readLine(lines[i] ?? "", lines[i + 1] ?? "", { said, headers });
    if (why !== undefined) return { why };
  }
  const method = said[":method"].text;
  const target = said[":path"].text;
  const host = said[":authority"].text;
  if (method === undefined || !isMethod(method)) return { why: "it has not one method" };
  if (target === undefined || !targetText.test(target)) return { why: "it has not one target" };
  if (host === undefined) return { why: "it has not one host" };
  return { line: { method, target, host }, headers, scheme: said[":scheme"].text ?? "" };
}

type Said = Readonly<Record<":method" | ":path" | ":authority" | ":scheme", Agreed>>;

/** Takes note of a line; says why if it can't be one. */
function readLine(
  name: string,
  value: string,
  { said, headers }: { readonly said: Said; readonly headers: string[] },
): string | undefined {
  if (lineEnds.test(value)) return "a header line has a line break";
  if (name.startsWith(":")) {
    said[name.toLowerCase() as keyof Said]?.say(value);
    return undefined;
  }
  if (!fieldName.test(name)) return "a header line has no name";
  if (name.length === 4 && name.toLowerCase() === "host") said[":authority"].say(value);
  headers.push(name, value);
  return undefined;
}

/** What all who say something agree on. */
class Agreed {
  #text: string;
  #differs = false;

  constructor(first = "") {
    this.#text = first;
  }

  say(text: string): void {
    if (this.#text === "") this.#text = text;
    else if (text !== "" && text !== this.#text) this.#differs = true;
  }

  /** Undefined if they differ, or say nothing. */
  get text(): string | undefined {
    return this.#differs || this.#text === "" ? undefined : this.#text;
  }
}

/** Reads which request a `CheckRequest` is about. */
export function readAsked(asked: AskedRequest | undefined): AskedHead {
  if (asked === undefined) return { why: "there is no HTTP request" };
  const { headers = {}, headerMap, scheme = "" } = asked;
  // encode_raw_headers: one form or the other, never both.
  const raw = headerMap?.headers === undefined ? [] : linesOf(headerMap);
  const joined: string[] = [];
  for (const [name, value] of Object.entries(headers)) joined.push(name, oneByte(value));
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
