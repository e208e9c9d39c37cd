import { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { isHost, maxHeaderLines } from "../gateway/framing.ts";
import { eachField, type FieldLines, fieldValues } from "../http/field-lines.ts";

/** How a gateway says which request it asks about (see `decisions.question` in the configuration). */
export type QuestionForm = "forwarded" | "original" | "same";

/** The request that a gateway asks about, or why that can't be told. */
export type Original =
  | { readonly kind: "read"; readonly request: IncomingMessage }
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
const ofQuestion = new Set([
  ...["host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"],
  ...["transfer-encoding", "content-length", "expect", "http2-settings"],
]);

const token = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * Reads which request a gateway asks about: its method, target and Host by the form that is configured, and by no
 * other; its other headers are those of the question.
 *
 * A part that is missing or there twice makes the question unreadable: of two, one may be a client's.
 */
export function readOriginal(question: IncomingMessage, form: QuestionForm): Original {
  const { rawHeaders, socket } = question;
  if (rawHeaders.length > 2 * maxHeaderLines) {
    return { kind: "unreadable", why: `it has more than ${maxHeaderLines} header lines` };
  }
  const parts = readParts(question, form);
  if ("why" in parts) return { kind: "unreadable", why: parts.why };
  if (!isMethod(parts.method)) return { kind: "unreadable", why: "the method is none" };
  const others: string[] = [];
  for (const [name, value] of eachField(rawHeaders)) {
    if (places[form].includes(name.toLowerCase())) continue;
    others.push(name, value);
  }
  return { kind: "read", request: makeRequest(socket, parts, others) };
}

/** Whether a text is a method (RFC 9110 section 9.1). */
export function isMethod(text: string): boolean {
  return token.test(text);
}

/**
 * Makes the request that a question is about, out of what the question says of it. What belongs to the connection that
 * it came by is left out; its body stays with the gateway.
 */
export function makeRequest(
  socket: Socket,
  { method, target, host }: RequestLine,
  headers: FieldLines,
): IncomingMessage {
  const request = new IncomingMessage(socket);
  request.method = method;
  request.url = target;
  request.httpVersion = "1.1";
  request.rawHeaders = ["Host", host];
  for (const [name, value] of eachField(headers)) {
    if (!ofQuestion.has(name.toLowerCase())) request.rawHeaders.push(name, value);
  }
  request.push(null);
  return request;
}

function readParts(question: IncomingMessage, form: QuestionForm): Parts {
  const values: string[] = [];
  for (const name of places[form]) {
    const [value = "", ...more] = fieldValues(question.rawHeaders, name);
    if (value === "") return { why: `${name} is missing (decisions.question: ${form})` };
    if (more.length > 0) return { why: `${name} is there more than once` };
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
