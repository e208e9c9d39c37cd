import type { Entry } from "../denylist/denylist.ts";
import type { SignalResult } from "../observability/metrics/tokens.ts";
import { createBuckets } from "../platform/buckets.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import { logoutTokenTypes, readLogoutToken } from "../token/events/logout-token.ts";
import {
  EventKeysUnavailable,
  EventRefused,
  type SecurityEvent,
  verifyEvent,
} from "../token/events/security-event.ts";
import { readSignal, signalTypes } from "../token/events/shared-signals.ts";
import { isNeverCarried, type SeenTokens } from "../token/seen-tokens.ts";
import { type AdminAnswer, BadRequest, failure, refusal, tooManyRequests } from "./answer.ts";
import { createBodyReader, type ReadBody, readForm } from "./body.ts";
import type { AdminExchange, Endpoint, Endpoints } from "./endpoint.ts";
import { createEventWaits, type EventWaits } from "./event-waits.ts";
import { createReception, type Receive, type ReceptionOptions } from "./signal-reception.ts";
import type { SignalSource } from "./signalled-entries.ts";

/** Who is listened to, and what their events are carried out with. */
export interface SignalReceiverOptions extends ReceptionOptions {
  /** Those that may send logout tokens, and those that may push events. */
  readonly logouts: readonly SignalSource[];
  readonly transmitters: readonly SignalSource[];
  /** The claim that names the subject in tokens of an issuer. */
  readonly subjectClaimOf: (issuer: string) => string;
  /** What tokens were seen: whether any could be ended by a session. */
  readonly seen: SeenTokens;
  /** How many events of one issuer each endpoint carries out in a second. */
  readonly requestsPerSecond: number;
  /** Told what became of each request. */
  readonly onSignal: (result: SignalResult) => void;
}

/**
 * Makes what identity providers send their events to. Their own signatures are what they are trusted by.
 *
 *     POST /backchannel-logout   OpenID Connect Back-Channel Logout 1.0
 *     POST /events               Shared Signals by push (RFC 8935): CAEP and RISC events
 */
export function createSignalReceiver(options: SignalReceiverOptions): Endpoints {
  const receive = createReception(options);
  const endpoint = (answer: Receiver): Endpoint => {
    const readBody = createBodyReader();
    const mayCarryOut = createBuckets(options.requestsPerSecond);
    const waitsOf = createEventWaits();
    const bound = (exchange: AdminExchange) => {
      const waits = waitsOf(exchange);
      const read = async (...which: Parameters<ReadBody>) => {
        const text = await readBody(...which);
        await waits.turn(Promise.resolve());
        return text;
      };
      return answer(exchange, { read, mayCarryOut, waits, options, receive });
    };
    return { hosts: "any", audited: true, answer: bound };
  };
  return new Map([
    ...(options.logouts.length > 0
      ? [["POST /backchannel-logout", endpoint(receiveLogout)] as const]
      : []),
    ...(options.transmitters.length > 0 ? [["POST /events", endpoint(receiveEvent)] as const] : []),
  ]);
}

type Receiver = (exchange: AdminExchange, context: ReceiverContext) => Promise<AdminAnswer>;

/** What one endpoint works with. */
interface ReceiverContext {
  readonly options: SignalReceiverOptions;
  /** Resolves when a body is there, and it is its turn to be looked at. */
  readonly read: ReadBody;
  readonly waits: EventWaits;
  /** Counted for each issuer, and only once its signature is verified and the event is new: no one else uses its share up. */
  readonly mayCarryOut: (issuer: string) => boolean;
  readonly receive: Receive;
}

/**
 * Until when a token was issued that a logout token may mean.
 *
 * Who sends logout tokens issues the tokens too (by one clock, but for its nodes), so what it issues later
 * belongs to a later login: a logout token that is sent again, to another sidecar too, ends nothing new.
 */
function lastIssuedBy(
  { issuedAt }: SecurityEvent,
  { lifetimes: { clockToleranceSeconds } }: SignalReceiverOptions,
): EpochSeconds {
  return issuedAt + clockToleranceSeconds;
}

/** Section 2.8 knows two answers to a logout token: done, and everything else. What was never read may come again. */
async function receiveLogout(
  exchange: AdminExchange,
  context: ReceiverContext,
): Promise<AdminAnswer> {
  const { options, read, mayCarryOut, receive } = context;
  try {
    const [token, ...more] = (await readForm(read, exchange)).getAll("logout_token");
    if (token === undefined || more.length > 0) throw new BadRequest("expected one logout_token");
    const event = await verify(token, context, options.logouts, logoutTokenTypes);
    exchange.onBelieved();
    const whose = readLogoutToken(event, options.subjectClaimOf(event.source.issuer));
    const until = lastIssuedBy(event, options);
    const received = await receive(event, [whose], { mayCarryOut, until });
    if (received.kind === "too_many") return tooManyRequests;
    if (received.kind === "known") {
      throw new EventRefused("invalid_request", "this logout token has been used");
    }
    const { entries } = received;
    // In force, should such tokens come; but none that was seen has ended by it.
    if (entries.every(({ kind }) => kind === "sid") && isNeverCarried("sid", options.seen)) {
      options.onSignal("ignored");
      const message = "no token seen here carries a session (tokens.sessionClaim): none has ended";
      return { ...refusal(400, "invalid_request", message), names: namesOf(entries) };
    }
    options.onSignal("revoked");
    return { status: 200, names: namesOf(entries) };
  } catch (error) {
    const answer = answerTo(error, options);
    const wasRead = answer.distrust !== "crowded";
    return answer.status >= 500 && wasRead ? { ...answer, status: 400 } : answer;
  }
}

/** One that comes again is acknowledged again (RFC 8935 section 2.1): its sender may have missed the answer. */
async function receiveEvent(
  exchange: AdminExchange,
  context: ReceiverContext,
): Promise<AdminAnswer> {
  const { options, read, mayCarryOut, receive } = context;
  try {
    const text = (await read(exchange, "application/secevent+jwt")).trim();
    const event = await verify(text, context, options.transmitters, signalTypes);
    exchange.onBelieved();
    const whose = readSignal(event, options.subjectClaimOf(event.source.issuer));
    const received = await receive(event, whose, { mayCarryOut });
    if (received.kind === "too_many") return tooManyRequests;
    const entries = received.kind === "new" ? received.entries : [];
    options.onSignal(entries.length > 0 ? "revoked" : "ignored");
    return { status: 202, names: namesOf(entries) };
  } catch (error) {
    const { body, headers, ...answer } = answerTo(error, options);
    const said = body as { error: string; error_description?: string };
    return {
      ...answer,
      headers: { ...headers, "Content-Language": "en" },
      body: { err: said.error, description: said.error_description ?? said.error },
    };
  }
}

async function verify(
  text: string,
  { options, waits }: ReceiverContext,
  sources: readonly SignalSource[],
  types: readonly (string | undefined)[],
): Promise<SecurityEvent<SignalSource>> {
  const { clock, lifetimes } = options;
  const { clockToleranceSeconds, maxLifetimeSeconds } = lifetimes;
  // No token is alive that was issued before an older event.
  const times = { clock, clockToleranceSeconds, maxAgeSeconds: maxLifetimeSeconds };
  return verifyEvent(text, { ...times, sources, types, wait: waits.key });
}

function answerTo(error: unknown, { onSignal }: SignalReceiverOptions): AdminAnswer {
  if (error instanceof EventRefused) {
    onSignal("refused");
    return { ...refusal(400, error.code, error.message), distrust: "event" };
  }
  if (error instanceof BadRequest) {
    // Before a signature is verified, no one's event has failed.
    onSignal("refused");
    return { ...failure(error), distrust: error.status < 500 ? "event" : "crowded" };
  }
  onSignal("failed");
  if (!(error instanceof EventKeysUnavailable)) return failure(error);
  const headers = { "Retry-After": "1" };
  return { ...refusal(503, "keys_unavailable", error.message), headers, distrust: "keys" };
}

function namesOf(entries: readonly Entry[]): string[] {
  return entries.map(({ kind, value }) => `${kind}:${value}`);
}
