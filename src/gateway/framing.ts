import type { HeaderList } from "../http/field-lines.ts";
import { asksForWebSocket } from "../http/upgrade.ts";
import type { ClientRequest } from "../node-http/client-request.ts";

const hostSyntax = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const digits = /^\d+$/;
/** Of HTTP/2 only what came in its own frames: Node's parser takes `HTTP/2.0` in a line of text. */
const versions = new Set(["1.1", "1.0", "2"]);

/**
 * The most header lines of a request. Until its head is whole Node keeps each line by itself, and many short
 * ones take ten times their bytes: it is told to drop those beyond, and such a request is refused.
 */
export const maxHeaderLines = 255;

/** Whether no line of a request is missing. */
export function isComplete(headers: HeaderList): boolean {
  return headers.names.length <= maxHeaderLines;
}

/**
 * Whether a request has one reading: where it ends, whom it is for, and what protocol it speaks.
 *
 * Node's parser has refused malformed lines by now; what is refused here is well-formed but read in
 * different ways by different servers (RFC 9112 sections 3.2, 6.1 to 6.3 and 11.2).
 */
export function isWellFramed(request: ClientRequest, headers: HeaderList): boolean {
  const { method, httpVersion } = request;
  if (method === "CONNECT" || method === "TRACE") return false;
  if (!versions.has(httpVersion)) return false;
  return (
    hasOneHost(request, headers) &&
    hasOneLength(request, headers) &&
    asksForOneProtocol(request, headers) &&
    expectsNothingElse(headers)
  );
}

/** HTTP/1.0 knows none: health checks of balancers send none. */
function hasOneHost({ httpVersion }: ClientRequest, headers: HeaderList): boolean {
  const hosts = headers.all("host");
  if (hosts.length === 0) return httpVersion === "1.0";
  return hosts.length === 1 && isHost(hosts[0] ?? "");
}

/** Whether a text is a Host: a name or an address, and perhaps a port (RFC 9110 section 7.2). */
export function isHost(text: string): boolean {
  return hostSyntax.test(text);
}

function hasOneLength({ httpVersion }: ClientRequest, headers: HeaderList): boolean {
  const lengths = headers.all("content-length");
  const codings = headers.all("transfer-encoding");
  if (codings.length === 0) {
    return lengths.length === 0 || (lengths.length === 1 && digits.test(lengths[0] ?? ""));
  }
  if (lengths.length > 0 || codings.length > 1 || httpVersion === "1.0") return false;
  return codings[0]?.toLowerCase() === "chunked";
}

/** To ask for anything but a WebSocket is not heard, here or by the application. */
function asksForOneProtocol(request: ClientRequest, headers: HeaderList): boolean {
  if (!headers.has("upgrade") || !asksForWebSocket(headers.raw)) return true;
  const protocols = headers.all("upgrade");
  if (protocols.length > 1 || protocols[0]?.toLowerCase() !== "websocket") return false;
  // A WebSocket handshake has no body (RFC 6455 section 4.1); one that has hides bytes from us.
  const hasBody =
    headers.has("transfer-encoding") || (headers.first("content-length") ?? "0") !== "0";
  return request.method === "GET" && !hasBody;
}

/** RFC 9110 section 10.1.1 knows one expectation; what another would make of the body is anybody's guess. */
function expectsNothingElse(headers: HeaderList): boolean {
  const expectations = headers.all("expect");
  if (expectations.length === 0) return true;
  return expectations.length === 1 && expectations[0]?.toLowerCase() === "100-continue";
}
