import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Entry } from "../denylist/denylist.ts";
import { ControlError, RevocationPendingError, StoreUnavailableError } from "../errors.ts";
import { describe } from "../observability/request-log.ts";
import type { ControlHandler } from "./control-socket.ts";
import { openApi } from "./openapi.ts";
import type { StoreCommand } from "./store-commands.ts";

/** What the API works with, and who is told. */
export interface AdminApiOptions {
  /** Carries commands out. */
  readonly commands: ControlHandler;
  /** The bearer secret that every request must carry. */
  readonly secret: string;
  /** How many requests are answered in a second, right or wrong. */
  readonly requestsPerSecond: number;
  /** Told of everything that was asked for, and what came of it; never of a credential. */
  readonly audit: (event: AuditEvent) => void;
}

/** One request to the API, for the log. */
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

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly names?: readonly string[];
  readonly cause?: string;
}

type Operation = (request: IncomingMessage, url: URL) => Promise<Answer>;

/** A request that can't be carried out, and why: RFC 6749 section 5.2 has the words. */
class BadRequest extends Error {
  readonly status: number;
  readonly error: string;

  constructor(message: string, { status = 400, error = "invalid_request" } = {}) {
    super(message);
    this.status = status;
    this.error = error;
  }
}

const mostBodyBytes = 65_536;
const mostPerPage = 1000;

/** Answers a request that is for the API; false where it is not. */
export type AdminApi = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * Makes the API for whoever ends sessions from outside: an identity provider, a back office, a script.
 *
 *     POST /revoke        OAuth 2.0 Token Revocation (RFC 7009)
 *     POST /introspect    OAuth 2.0 Token Introspection (RFC 7662)
 *     POST /revocations   ends all tokens of a subject or a session, or one by its jti
 *     GET  /revocations   what is in force, page by page
 *     GET  /openapi.json  this, for machines
 */
export function createAdminApi(options: AdminApiOptions): AdminApi {
  const operations = operationsOn(options.commands);
  const isAllowed = rateLimit(options.requestsPerSecond);
  const carriesSecret = secretCheck(options.secret);

  async function answerTo(
    request: IncomingMessage,
    url: URL,
    operation: Operation,
  ): Promise<Answer> {
    if (!isAllowed()) {
      return { ...refusal(429, "too_many_requests"), headers: { "Retry-After": "1" } };
    }
    if (!carriesSecret(request.headers.authorization)) {
      const challenge = {
        "WWW-Authenticate": 'Bearer realm="revgate admin", error="invalid_token"',
      };
      return { ...refusal(401, "invalid_token"), headers: challenge };
    }
    try {
      return await operation(request, url);
    } catch (error) {
      return failure(error);
    }
  }

  return (request, response) => {
    const url = new URL(request.url ?? "/", "http://admin");
    if (url.pathname === "/openapi.json" && request.method === "GET") {
      send(response, { status: 200, body: openApi });
      return true;
    }
    const operation = operations[`${request.method} ${url.pathname}`];
    if (operation === undefined) return false;
    const peer = request.socket.remoteAddress;
    void answerTo(request, url, operation).then((answer) => {
      const { status, names, cause } = answer;
      const { error } = (answer.body ?? {}) as { error?: string };
      options.audit({
        action: `${request.method} ${url.pathname}`,
        status,
        peer,
        ...(names && { names }),
        ...(error !== undefined && { error }),
        ...(cause !== undefined && { cause }),
      });
      send(response, answer);
    });
    return true;
  };
}

function operationsOn(commands: ControlHandler): Readonly<Record<string, Operation>> {
  const ask = async (command: StoreCommand) => {
    for await (const value of commands(command)) return value as Record<string, unknown>;
    return {};
  };
  return {
    async "POST /revoke"(request) {
      const form = await readForm(request);
      const opaque = form.get("token_type_hint") === "refresh_token";
      const ended = await ask({ command: "revoke", credential: tokenIn(form), opaque });
      // A token that is none is not an error: it is worth nothing already (RFC 7009 section 2.2).
      return { status: 200, names: namesIn(ended) };
    },
    async "POST /introspect"(request) {
      const form = await readForm(request);
      const found = await ask({ command: "introspect", credential: tokenIn(form) });
      return { status: 200, body: found };
    },
    async "POST /revocations"(request) {
      const ended = await ask({ command: "end", ...readWhose(await readJson(request)) });
      return { status: 201, body: ended, names: namesIn(ended) };
    },
    async "GET /revocations"(_request, url) {
      const limit = wholeNumber(url, "limit", 100, mostPerPage);
      const after = wholeNumber(url, "after", 0, Number.MAX_SAFE_INTEGER);
      const revocations: unknown[] = [];
      let at = 0;
      for await (const entry of commands({ command: "list" } satisfies StoreCommand)) {
        at += 1;
        if (at <= after) continue;
        if (revocations.length === limit)
          return { status: 200, body: { revocations, next: at - 1 } };
        const { value: id, ...rest } = entry as Entry;
        revocations.push({ ...rest, id });
      }
      return { status: 200, body: { revocations, next: null } };
    },
  };
}

function readWhose(value: Readonly<Record<string, unknown>>) {
  const { issuer, ...claims } = value;
  const [named, ...more] = Object.entries(claims);
  const [claim, text] = named ?? [];
  const isKnown = claim === "subject" || claim === "jti" || claim === "sid";
  if (more.length > 0 || !isKnown || typeof text !== "string" || text === "") {
    throw new BadRequest('expected one of "subject", "jti" and "sid", with a text');
  }
  if (issuer !== undefined && typeof issuer !== "string") {
    throw new BadRequest('expected a text as "issuer"');
  }
  return { claim, value: text, ...(issuer !== undefined && { issuer }) } as const;
}

function namesIn({ kind, id }: Record<string, unknown>): readonly string[] {
  return typeof id === "string" ? [`${kind ?? "tok"}:${id}`] : [];
}

function tokenIn(form: URLSearchParams): string {
  const [token, ...more] = form.getAll("token");
  if (token === undefined || token === "" || more.length > 0) {
    throw new BadRequest("expected one token");
  }
  return token;
}

function wholeNumber(url: URL, name: string, standard: number, most: number): number {
  const text = url.searchParams.get(name);
  if (text === null) return standard;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || value > most) {
    throw new BadRequest(`expected ${name} to be a whole number up to ${most}`);
  }
  return value;
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams(await readBody(request, "application/x-www-form-urlencoded"));
}

async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const text = await readBody(request, "application/json");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadRequest("expected JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadRequest("expected a JSON object");
  }
  return value as Readonly<Record<string, unknown>>;
}

async function readBody(request: IncomingMessage, type: string): Promise<string> {
  const [sent = ""] = (request.headers["content-type"] ?? "").split(";", 1);
  if (sent.trim().toLowerCase() !== type) {
    throw new BadRequest(`expected Content-Type: ${type}`, { status: 415 });
  }
  const tooLong = new BadRequest(`expected at most ${mostBodyBytes} bytes`, { status: 413 });
  // Not read at all, so that the answer still finds its way.
  if (Number(request.headers["content-length"] ?? 0) > mostBodyBytes) throw tooLong;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > mostBodyBytes) throw tooLong;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refusal(status: number, error: string, description?: string): Answer {
  return { status, body: { error, ...(description && { error_description: description }) } };
}

function failure(error: unknown): Answer {
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

/** Compares hashes, in the same time whatever was sent. */
function secretCheck(secret: string): (authorization: string | undefined) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const expected = digest(secret);
  return (authorization) => {
    const [, sent] = /^bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
    return timingSafeEqual(digest(sent ?? ""), expected) && sent !== undefined;
  };
}

/** A bucket that fills by so many a second, and holds a second's worth. */
function rateLimit(perSecond: number): () => boolean {
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
