import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { ControlHandler } from "../control/control-socket.ts";
import type { StoreCommand } from "../control/store-commands.ts";
import type { Entry } from "../denylist/denylist.ts";
import { maxJsonDepth, readJson } from "../http/json.ts";
import {
  type AdminHandler,
  type Answer,
  type Audit,
  answerWith,
  BadRequest,
  failure,
  rateLimit,
  readBody,
  readForm,
  refusal,
} from "./exchange.ts";

/** What the API works with, and who is told. */
export interface AdminApiOptions {
  /** Carries commands out. */
  readonly commands: ControlHandler;
  /** The bearer secret that every request must carry. */
  readonly secret: string;
  /** How many requests are answered in a second, right or wrong. */
  readonly requestsPerSecond: number;
  readonly audit: Audit;
}

type Operation = (request: IncomingMessage, url: URL) => Promise<Answer>;

const mostPerPage = 1000;

/**
 * Makes the API for whoever ends sessions from outside: an identity provider, a back office, a script.
 *
 *     POST /revoke        OAuth 2.0 Token Revocation (RFC 7009)
 *     POST /introspect    OAuth 2.0 Token Introspection (RFC 7662)
 *     POST /explain       says of each check whether a token passes it
 *     POST /revocations   ends all tokens of a subject or a session, or one by its jti
 *     GET  /revocations   what is in force, page by page
 *     POST /drain         has clients leave, before SIGTERM comes
 */
export function createAdminApi(options: AdminApiOptions): AdminHandler {
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
    const operation = operations[`${request.method} ${url.pathname}`];
    if (operation === undefined) return false;
    answerWith(request, response, answerTo(request, url, operation), options.audit);
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
    async "POST /explain"(request) {
      const form = await readForm(request);
      return { status: 200, body: await ask({ command: "explain", credential: tokenIn(form) }) };
    },
    async "POST /revocations"(request) {
      const ended = await ask({ command: "end", ...readWhose(await readMembers(request)) });
      return { status: 201, body: ended, names: namesIn(ended) };
    },
    async "POST /drain"() {
      return { status: 202, body: await ask({ command: "drain" }) };
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

async function readMembers(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const value = readJson(await readBody(request, "application/json"));
  if (value === undefined) {
    throw new BadRequest(`expected JSON, nested ${maxJsonDepth} deep at most`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadRequest("expected a JSON object");
  }
  return value as Readonly<Record<string, unknown>>;
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
