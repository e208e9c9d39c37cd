import type { IncomingMessage, ServerResponse } from "node:http";
import { ControlError, RevocationPendingError, StoreUnavailableError } from "../errors.ts";

/** What is answered, and what the log is told beside it. */
export interface AdminAnswer {
  readonly status: number;
  /** Sent as JSON, unless there is a `text`. */
  readonly body?: unknown;
  readonly text?: { readonly type: string; readonly text: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** What was revoked, or looked at: kind and name. */
  readonly names?: readonly string[];
  /** Why the sender was not believed: such answers are limited for each peer. */
  readonly distrust?: Distrust;
}

/**
 * Why a sender is not believed; `keys`: its event can't be verified at present; `crowded`: its body gave way
 * before anything was.
 */
export const distrusts = ["host", "secret", "event", "keys", "crowded"] as const;
/** One of the reasons. */
export type Distrust = (typeof distrusts)[number];

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

/** What every answer tells browsers: it is no script, no frame and no picture for pages of others. */
const headersOfAll = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** How long a client may take to read an answer. */
const maxReadMs = 10_000;

/** Sends an answer. A client that does not read it loses its connection; for one that has left, nothing is kept. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: AdminAnswer,
): void {
  if (request.socket.destroyed) return;
  const { status, headers } = answer;
  const { type, text } = contentOf(answer);
  response.writeHead(status, {
    ...(type !== undefined && { "Content-Type": type }),
    ...headersOfAll,
    ...headers,
    // What is left of a body that no one read would be waited for.
    ...(!request.complete && { Connection: "close" }),
    "Content-Length": Buffer.byteLength(text),
  });
  const timer = setTimeout(() => response.destroy(), maxReadMs).unref();
  response.once("close", () => clearTimeout(timer));
  response.end(text);
}

function contentOf({ body, text }: AdminAnswer): { readonly type?: string; readonly text: string } {
  if (text !== undefined) return text;
  if (body === undefined) return { text: "" };
  return { type: "application/json; charset=utf-8", text: `${JSON.stringify(body)}\n` };
}

/** An answer that says no, in the words of RFC 6749 section 5.2. */
export function refusal(status: number, error: string, description?: string): AdminAnswer {
  return { status, body: { error, ...(description && { error_description: description }) } };
}

/** The answer to one request too many. */
export const tooManyRequests: AdminAnswer = {
  ...refusal(429, "too_many_requests"),
  headers: { "Retry-After": "1" },
};

/** The answer to what an operation failed with; throws what is no expected failure. */
export function failure(error: unknown): AdminAnswer {
  const retry = { headers: { "Retry-After": "1" } };
  if (error instanceof BadRequest) {
    const answer = refusal(error.status, error.error, error.message);
    return error.status >= 500 ? { ...answer, ...retry } : answer;
  }
  if (error instanceof ControlError) return refusal(400, "invalid_request", error.message);
  if (error instanceof RevocationPendingError) {
    return { ...refusal(503, "revocation_pending", error.message), ...retry };
  }
  if (error instanceof StoreUnavailableError) {
    return { ...refusal(503, "denylist_unavailable", error.message), ...retry };
  }
  throw error;
}
