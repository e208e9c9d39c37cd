import type { Socket } from "node:net";
import { isHost, maxHeaderLines } from "../gateway/framing.ts";
import { type FieldLines, findField } from "../http/field-lines.ts";
import type { ClientRequest } from "../node-http/client-request.ts";
import { ShownRequest } from "./shown-request.ts";

/** How a gateway says which request it asks about (see `decisions.question` in the configuration). */
export type QuestionForm = "forwarded" | "original" | "same";

/** The request that a gateway asks about, or why that can't be told. */
export type Original =
  | { readonly kind: "read"; readonly request: ClientRequest }
  | { readonly kind: "unreadable"; readonly why: string };

/** The line of a request, and whom it is for. */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly host: string;
}

/** What every form says, or why it does not. */
type Parts = RequestLine | { readonly why: string };

/** Where each form has it. One that a client sends under the name of another form is a header like any other. */
const places: Readonly<Record<QuestionForm, readonly string[]>> = {
  forwarded: ["x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"],
  original: ["x-original-method", "x-original-url"],
  same: ["host"],
};

/** What belongs to the gateway's own connection and question, or was checked by the gateway. */
const ofQuestion: ReadonlySet<string> = new Set([
  ...["host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"],
  ...["transfer-encoding", "content-length", "expect", "http2-settings"],
]);
/** The same with the places of each form. */
const ofForms: Readonly<Record<QuestionForm, ReadonlySet<string>>> = {
  forwarded: new Set([...ofQuestion, ...places.forwarded]),
  original: new Set([...ofQuestion, ...places.original]),
  same: ofQuestion,
};

const token = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * Reads which request a gateway asks about: its method, target and Host by the form that is configured, and by no
 * other; its other headers are those of the question.
 *
 * A part that is missing or there twice makes the question unreadable: of two, one may be a client's.
 */
export function readOriginal(question: ClientRequest, form: QuestionForm): Original {
  const { rawHeaders, socket } = question;
  if (rawHeaders.length > 2 * maxHeaderLines) {
    return { kind: "unreadable", why: `it has more than ${maxHeaderLines} header lines` };
  }
  const parts = readParts(question, form);
  if ("why" in parts) return { kind: "unreadable", why: parts.why };
  if (!isMethod(parts.method)) return { kind: "unreadable", why: "the method is none" };
  return { kind: "read", request: makeRequest(socket, parts, rawHeaders, ofForms[form]) };
}

/** Whether a text is a method (RFC 9110 section 9.1). */
export function isMethod(text: string): boolean {
  return token.test(text);
}

/**
 * Makes the request that a question is about, out of what the question says of it. What belongs to the connection that
 * it came by is left out (`names`, in lower case); its body stays with the gateway.
 */
export function makeRequest(
  socket: Socket,
  { method, target, host }: RequestLine,
  headers: FieldLines,
  names: ReadonlySet<string> = ofQuestion,
): ClientRequest {
  const lines = ["Host", host];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (!names.has(name.toLowerCase())) lines.push(name, headers[i + 1] ?? "");
  }
  return new ShownRequest(socket, method, target, lines);
}

function readParts(question: ClientRequest, form: QuestionForm): Parts {
  const { rawHeaders } = question;
  const values: string[] = [];
  for (const name of places[form]) {
    const at = findField(rawHeaders, name);
    const value = at === -1 ? "" : (rawHeaders[at + 1] ?? "");
    if (value === "") return { why: `${name} is missing (decisions.question: ${form})` };
    if (findField(rawHeaders, name, at + 2) !== -1)
      return { why: `${name} is there more than once` };
    values.push(value);
  }
  const [first = "", second = "", third = ""] = values;
  switch (form) {
    case "forwarded":
      return { method: first, target: second, host: third };
    case "original":
      return { method: first, ...readAddress(second) };
    case "same":
      return { method: question.method ?? "", target: question.url ?? "", host: first };
  }
}

/**
 * `https://shop.example/path?query`, put together by the gateway from the client's Host, as it was sent, and the target. A gateway
 * always sends a path: in front of another character, the Host ends otherwise than the gateway took it to.
 */
function readAddress(address: string): { target: string; host: string } | { why: string } {
  const [, host, target] = /^https?:\/\/([^/]+)(\/.*)$/i.exec(address) ?? [];
  if (host === undefined || target === undefined || !isHost(host)) {
    return { why: "x-original-url is no absolute URL with a path" };
  }
  return { host, target };
}
