import type { IncomingMessage, ServerResponse } from "node:http";
import { ControlError, RevocationPendingError, StoreUnavailableError } from "../errors.ts";
import { describe } from "../observability/request-log.ts";
import { GatheredBytes } from "../platform/gathered-bytes.ts";

/** Answers a request to the admin listener that is meant for it; false where it is not. */
export type AdminHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

/** One request to the admin listener that may end something, for the log. */
export interface AuditEvent {
  readonly action: string;
  readonly status: number;
  readonly peer: string | undefined;
  /** What was revoked, or looked at: kind and hash. */
  readonly names?: readonly string[];
  readonly error?: string;
  /** What went wrong here, where it is nobody else's fault. */
  readonly cause?: string;
}

/** What is answered, and what the log is told beside it. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly names?: readonly string[];
  readonly cause?: string;
}

/** Told of everything that was asked for, and what came of it; never of a credential. */
export type Audit = (event: AuditEvent) => void;

/** A request that can't be carried out, and why: RFC 6749 section 5.2 has the words. */
export class BadRequest extends Error {
  readonly status: number;
  readonly error: string;

  constructor(message: string, { status = 400, error = "invalid_request" } = {}) {
    super(message);
    this.status = status;
    this.error = error;
  }
}

const mostBodyBytes = 65_536;

/** Sends an answer when it is there, and tells the log of it. */
export function answerWith(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Promise<Answer>,
  audit: Audit,
): void {
  const peer = request.socket.remoteAddress;
  const [path] = (request.url ?? "/").split("?", 1);
  void answer.then((given) => {
    const { status, names, cause } = given;
    const { error } = (given.body ?? {}) as { error?: string };
    audit({
      action: `${request.method} ${path}`,
      status,
      peer,
      ...(names && { names }),
      ...(error !== undefined && { error }),
      ...(cause !== undefined && { cause }),
    });
    send(response, given);
  });
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  const text = body === undefined ? "" : `${JSON.stringify(body)}\n`;
  const type = body === undefined ? {} : { "Content-Type": "application/json; charset=utf-8" };
  // What is left of a body that nobody read would be taken for the next request.
  const connection = status === 413 || status === 415 ? { Connection: "close" } : {};
  const length = Buffer.byteLength(text);
  response.writeHead(status, {
    ...type,
    ...headers,
    ...connection,
    "Cache-Control": "no-store",
    "Content-Length": length,
  });
  response.end(text);
}

/** An answer that says no, in the words of RFC 6749 section 5.2. */
export function refusal(status: number, error: string, description?: string): Answer {
  return { status, body: { error, ...(description && { error_description: description }) } };
}

/** The answer to what an operation failed with. */
export function failure(error: unknown): Answer {
  if (error instanceof BadRequest) return refusal(error.status, error.error, error.message);
  if (error instanceof ControlError) return refusal(400, "invalid_request", error.message);
  const retry = { headers: { "Retry-After": "1" } };
  if (error instanceof RevocationPendingError) {
    return { ...refusal(503, "revocation_pending", error.message), ...retry };
  }
  if (error instanceof StoreUnavailableError) {
    return { ...refusal(503, "denylist_unavailable", error.message), ...retry };
  }
  return { ...refusal(500, "server_error"), cause: describe(error) };
}

/** Reads a form; throws BadRequest. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams(await readBody(request, "application/x-www-form-urlencoded"));
}

/** Reads a body of that type as text; throws BadRequest. */
export async function readBody(request: IncomingMessage, type: string): Promise<string> {
  const [sent = ""] = (request.headers["content-type"] ?? "").split(";", 1);
  if (sent.trim().toLowerCase() !== type) {
    throw new BadRequest(`expected Content-Type: ${type}`, { status: 415 });
  }
  const tooLong = new BadRequest(`expected at most ${mostBodyBytes} bytes`, { status: 413 });
  // Not read at all, so that the answer still finds its way.
  if (Number(request.headers["content-length"] ?? 0) > mostBodyBytes) throw tooLong;
  const gathered = new GatheredBytes();
  for await (const chunk of request) {
    gathered.add(chunk as Buffer);
    if (gathered.length > mostBodyBytes) throw tooLong;
  }
  return gathered.bytes.toString("utf8");
}

/** A bucket that fills by so many a second, and holds a second's worth. */
export function rateLimit(perSecond: number): () => boolean {
  let left = perSecond;
  let sinceMs = performance.now();
  return () => {
    const nowMs = performance.now();
    left = Math.min(perSecond, left + ((nowMs - sinceMs) / 1000) * perSecond);
    sinceMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
