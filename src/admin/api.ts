import type { ControlHandler } from "../control/command-server.ts";
import type { StoreCommand } from "../control/store-command.ts";
import type { Entry } from "../denylist/denylist.ts";
import { maxJsonDepth, readJson } from "../http/json.ts";
import { createBucket } from "../platform/buckets.ts";
import { isEndedClaim } from "../revocation/ended-claims.ts";
import { claimText } from "../token/claims.ts";
import { type AdminAnswer, BadRequest, failure, tooManyRequests } from "./answer.ts";
import { createBodyReader, type ReadBody, readForm } from "./body.ts";
import type { AdminExchange, Endpoint, Endpoints } from "./endpoint.ts";
import { carriesSecret, secretMissing } from "./secret.ts";

/** What the API works with, and who is told. */
export interface AdminApiOptions {
  /** Carries commands out. */
  readonly commands: ControlHandler;
  /** The bearer secret that every request must carry. */
  readonly secret: string;
  /** How many requests with the secret each endpoint answers in a second. */
  readonly requestsPerSecond: number;
}

type Operation = (exchange: AdminExchange, read: ReadBody) => Promise<AdminAnswer>;

const maxPerPage = 1000;

/**
 * Makes the API for anyone who ends sessions from outside: an identity provider, a back office, a script.
 *
 *     POST /revoke        OAuth 2.0 Token Revocation (RFC 7009)
 *     POST /introspect    OAuth 2.0 Token Introspection (RFC 7662)
 *     POST /explain       says of each check whether a token passes it
 *     POST /sessions      counts what was seen here of a subject: tokens, sessions, open connections
 *     POST /revocations   ends all tokens of a subject or a session, or one by its jti
 *     GET  /revocations   what is in force, page by page
 *     POST /drain         has clients leave, before SIGTERM comes
 */
export function createAdminApi(options: AdminApiOptions): Endpoints {
  const operations = Object.entries(operationsOn(options.commands));
  return new Map(operations.map(([name, operation]) => [name, guard(operation, options)]));
}

/** The secret first; only what comes with it is counted, so that no one else can use the operator's share up. */
function guard(operation: Operation, { secret, requestsPerSecond }: AdminApiOptions): Endpoint {
  const mayAsk = createBucket(requestsPerSecond);
  const read = createBodyReader();

  async function answer(exchange: AdminExchange): Promise<AdminAnswer> {
    if (!carriesSecret(exchange.request.headers.authorization, secret)) return secretMissing;
    exchange.onBelieved();
    if (!mayAsk()) return tooManyRequests;
    try {
      return await operation(exchange, read);
    } catch (error) {
      return failure(error);
    }
  }
  return { hosts: "own", audited: true, answer };
}

function operationsOn(commands: ControlHandler): Readonly<Record<string, Operation>> {
  const ask = async (command: StoreCommand) => {
    for await (const value of commands(command)) return value as Record<string, unknown>;
    return {};
  };
  return {
    async "POST /revoke"(exchange, read) {
      const form = await readForm(read, exchange);
      const opaque = form.get("token_type_hint") === "refresh_token";
      const ended = await ask({ command: "revoke", credential: tokenIn(form), opaque });
      // A token that is none is not an error: it is worth nothing already (RFC 7009 section 2.2).
      return { status: 200, names: namesIn(ended) };
    },
    async "POST /introspect"(exchange, read) {
      const form = await readForm(read, exchange);
      const found = await ask({ command: "introspect", credential: tokenIn(form) });
      return { status: 200, body: found };
    },
    async "POST /explain"(exchange, read) {
      const form = await readForm(read, exchange);
      return { status: 200, body: await ask({ command: "explain", credential: tokenIn(form) }) };
    },
    async "POST /sessions"(exchange, read) {
      const { claim, ...subject } = readWhose(await readMembers(exchange, read));
      if (claim !== "subject") throw new BadRequest('expected "subject"');
      const { id, ...counts } = await ask({ command: "sessions", ...subject });
      return { status: 200, body: counts, names: namesIn({ kind: "sub", id }) };
    },
    async "POST /revocations"(exchange, read) {
      const ended = await ask({ command: "end", ...readWhose(await readMembers(exchange, read)) });
      return { status: 201, body: ended, names: namesIn(ended) };
    },
    async "POST /drain"() {
      return { status: 202, body: await ask({ command: "drain" }) };
    },
    async "GET /revocations"({ query }) {
      const limit = wholeNumber(query, "limit", 100, maxPerPage);
      const after = wholeNumber(query, "after", 0, Number.MAX_SAFE_INTEGER);
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
  const [claim, sent] = named ?? [];
  const text = claimText(sent);
  const isKnown = isEndedClaim(claim);
  if (more.length > 0 || !isKnown || text === undefined) {
    throw new BadRequest(
      'expected one of "subject", "jti" and "sid", with a text or a whole number',
    );
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

function wholeNumber(
  query: URLSearchParams,
  name: string,
  defaultValue: number,
  max: number,
): number {
  const text = query.get(name);
  if (text === null) return defaultValue;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || value > max) {
    throw new BadRequest(`expected ${name} to be a whole number up to ${max}`);
  }
  return value;
}

async function readMembers(
  exchange: AdminExchange,
  read: ReadBody,
): Promise<Readonly<Record<string, unknown>>> {
  const value = readJson(await read(exchange, "application/json"));
  if (value === undefined) {
    throw new BadRequest(`expected JSON, nested ${maxJsonDepth} deep at most`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadRequest("expected a JSON object");
  }
  return value as Readonly<Record<string, unknown>>;
}
