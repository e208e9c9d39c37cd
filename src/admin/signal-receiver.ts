import type { Denylist, Entry } from "../denylist/denylist.ts";
import { keptBeyondSeconds } from "../denylist/retention.ts";
import type { RevocationTrigger } from "../observability/metrics/revocations.ts";
import type { SignalResult } from "../observability/metrics/tokens.ts";
import { createBuckets } from "../platform/buckets.ts";
import type { Clock, EpochSeconds } from "../platform/clock.ts";
import { requireCertainTime, untilCutOff } from "../revocation/cut-off.ts";
import { endOfAll, type Lifetimes, subjectEntry } from "../revocation/entries.ts";
import { logoutTokenTypes, readLogoutToken, type Whose } from "../token/events/logout-token.ts";
import {
  EventKeysUnavailable,
  EventRefused,
  type EventSource,
  type SecurityEvent,
  verifyEvent,
} from "../token/events/security-event.ts";
import { readSignal, type SignalledWhose, signalTypes } from "../token/events/shared-signals.ts";
import type { Name, Names } from "../token/names.ts";
import { isNeverCarried, type SeenTokens } from "../token/verifier.ts";
import { type Answer, BadRequest, failure, refusal, tooManyRequests } from "./answer.ts";
import { createBodyReader, type ReadBody, readForm } from "./body.ts";
import type { Endpoint, Endpoints, Exchange } from "./endpoint.ts";

/** An identity provider that says when sessions end. */
export interface SignalSource extends EventSource {
  /**
   * What a logout ends: everything that its event names, or the session alone where it names one. The
   * latter takes tokens with a `sid`.
   */
  readonly ends: "subject" | "session";
}

/** Who is listened to, and what their events are carried out with. */
export interface SignalReceiverOptions {
  /** Those that may send logout tokens, and those that may push events. */
  readonly logouts: readonly SignalSource[];
  readonly transmitters: readonly SignalSource[];
  readonly denylist: Pick<Denylist, "lookUp" | "ask" | "revoke">;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  /** The claim that names the subject in tokens of an issuer. */
  readonly subjectClaimOf: (issuer: string) => string;
  /** What tokens were seen: whether any could be ended by a session. */
  readonly seen: SeenTokens;
  readonly names: Names;
  /** By issuer of tokens, what its subjects, sessions and `jti` are told apart by. */
  readonly namespaces: ReadonlyMap<string | undefined, string | undefined>;
  /** How many events of one issuer each endpoint carries out in a second. */
  readonly requestsPerSecond: number;
  readonly onRevoked: (trigger: RevocationTrigger, entries: readonly Entry[]) => void;
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
    const reading = {
      read: createBodyReader(),
      mayCarryOut: createBuckets(options.requestsPerSecond),
    };
    const bound = (exchange: Exchange) => answer(exchange, { ...reading, options, receive });
    return { hosts: "any", audited: true, answer: bound };
  };
  return new Map([
    ...(options.logouts.length > 0
      ? [["POST /backchannel-logout", endpoint(receiveLogout)] as const]
      : []),
    ...(options.transmitters.length > 0 ? [["POST /events", endpoint(receiveEvent)] as const] : []),
  ]);
}

type Receiver = (exchange: Exchange, context: ReceiverContext) => Promise<Answer>;

/** What one endpoint works with. */
interface ReceiverContext {
  readonly options: SignalReceiverOptions;
  readonly read: ReadBody;
  /** Counted for each issuer, and only once its signature is verified: nobody else uses its share up. */
  readonly mayCarryOut: (issuer: string) => boolean;
  readonly receive: Receive;
}

/** What is carried out; `isNew` is false where the same event has been before. */
interface Reception {
  readonly isNew: boolean;
  readonly entries: readonly Entry[];
}

type Receive = (
  event: SecurityEvent<SignalSource>,
  whose: readonly SignalledWhose[],
  /** Tokens issued after that are not meant; by default, those issued from now on. */
  until?: EpochSeconds,
) => Promise<Reception>;

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

/** Section 2.8 knows two answers: done, and everything else. */
async function receiveLogout(exchange: Exchange, context: ReceiverContext): Promise<Answer> {
  const { options, read, mayCarryOut, receive } = context;
  try {
    const [token, ...more] = (await readForm(read, exchange)).getAll("logout_token");
    if (token === undefined || more.length > 0) throw new BadRequest("expected one logout_token");
    const event = await verify(token, options, options.logouts, logoutTokenTypes);
    exchange.onBelieved();
    if (!mayCarryOut(event.source.issuer)) return tooManyRequests;
    const whose = readLogoutToken(event, options.subjectClaimOf(event.source.issuer));
    const { isNew, entries } = await receive(event, [whose], lastIssuedBy(event, options));
    if (!isNew) throw new EventRefused("invalid_request", "this logout token has been used");
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
    return answer.status >= 500 ? { ...answer, status: 400 } : answer;
  }
}

/** One that comes again is acknowledged again (RFC 8935 section 2.1): its sender may have missed the answer. */
async function receiveEvent(exchange: Exchange, context: ReceiverContext): Promise<Answer> {
  const { options, read, mayCarryOut, receive } = context;
  try {
    const text = (await read(exchange, "application/secevent+jwt")).trim();
    const event = await verify(text, options, options.transmitters, signalTypes);
    exchange.onBelieved();
    if (!mayCarryOut(event.source.issuer)) return tooManyRequests;
    const whose = readSignal(event, options.subjectClaimOf(event.source.issuer));
    const { entries } = await receive(event, whose);
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

function verify(
  text: string,
  options: SignalReceiverOptions,
  sources: readonly SignalSource[],
  types: readonly (string | undefined)[],
): Promise<SecurityEvent<SignalSource>> {
  const { clock, lifetimes } = options;
  const { clockToleranceSeconds, maxLifetimeSeconds } = lifetimes;
  // No token is alive that was issued before an older event.
  const times = { clock, clockToleranceSeconds, maxAgeSeconds: maxLifetimeSeconds };
  return verifyEvent(text, { ...times, sources, types });
}

/**
 * Carries events out, each once.
 *
 * That it has been is remembered like a revocation, so every sidecar knows; and only when it has been, so
 * that its sender can try again where it could not be.
 */
function createReception(options: SignalReceiverOptions): Receive {
  const { denylist, clock, onRevoked } = options;
  const underWay = new Map<string, Promise<unknown>>();

  return (event, whose, until) => {
    const name = options.names.event(event.source.issuer, event.jti);
    const jti = name.value;
    const before = underWay.get(jti) ?? Promise.resolve();
    const mine = before
      .catch(() => {})
      .then(() => receiveOnce(event, entriesOf(event.source, whose, { ...options, until }), name))
      .finally(() => {
        if (underWay.get(jti) === mine) underWay.delete(jti);
      });
    underWay.set(jti, mine);
    return mine;
  };

  async function receiveOnce(
    { expiresAt }: SecurityEvent<SignalSource>,
    entries: readonly Entry[],
    name: Name,
  ): Promise<Reception> {
    if (await isKnown(name)) return { isNew: false, entries: [] };
    if (entries.length > 0) await carryOut(entries, { kind: "jti", ...name, expiresAt });
    return { isNew: true, entries };
  }

  async function carryOut(entries: readonly Entry[], used: Entry): Promise<void> {
    await Promise.all([denylist.revoke(entries), untilCutOff(entries, clock)]);
    onRevoked("signal", entries);
    await denylist.revoke([{ ...used, expiresAt: used.expiresAt + keptBeyondSeconds }]);
  }

  async function isKnown({ value, former }: Name): Promise<boolean> {
    const others = former.map((each) => ({ kind: "jti", value: each }) as const);
    // Under no other name: it is no token that could have been revoked by one.
    const names = { id: value, jti: value, others };
    const known = denylist.lookUp(names);
    return (known === "ask" ? await denylist.ask(names) : known) === "revoked";
  }
}

function entriesOf(
  source: SignalSource,
  whose: readonly SignalledWhose[],
  {
    clock,
    lifetimes,
    namespaces,
    names,
    until = Number.POSITIVE_INFINITY,
  }: SignalReceiverOptions & { readonly until: EpochSeconds | undefined },
): Entry[] {
  if (whose.some(({ subject }) => subject !== undefined)) requireCertainTime(clock);
  const now = clock.nowSeconds();
  const cutoff = Math.floor(Math.min(now, until));
  const expiresAt = endOfAll(now, lifetimes);
  return whose.flatMap((each) => {
    const { issuer = source.issuer } = each;
    // An issuer of tokens speaks of its own; others say whose they mean, or mean the main one's.
    const foreign = namespaces.has(source.issuer) && issuer !== source.issuer;
    if (foreign || (each.issuer !== undefined && !namespaces.has(issuer))) return [];
    const namespace = namespaces.get(issuer);
    const { sid, subject, jti } = pick(each, source);
    const entries: Entry[] = [];
    for (const [kind, text] of [
      ["sid", sid],
      ["jti", jti],
    ] as const) {
      const name = names.claim(kind, namespace, text);
      if (name !== undefined) entries.push({ kind, ...name, expiresAt });
    }
    const name = names.claim("sub", namespace, subject);
    if (name !== undefined) entries.push({ ...subjectEntry(name, now, lifetimes), cutoff });
    return entries;
  });
}

function pick({ sid, subject, jti }: Whose, { ends }: SignalSource): Whose {
  return ends === "session" && sid !== undefined ? { sid } : { sid, subject, jti };
}

function answerTo(error: unknown, { onSignal }: SignalReceiverOptions): Answer {
  if (error instanceof EventRefused) {
    onSignal("refused");
    return { ...refusal(400, error.code, error.message), distrust: "event" };
  }
  if (error instanceof BadRequest && error.status < 500) {
    onSignal("refused");
    return { ...failure(error), distrust: "event" };
  }
  onSignal("failed");
  if (!(error instanceof EventKeysUnavailable)) return failure(error);
  const headers = { "Retry-After": "1" };
  return { ...refusal(503, "keys_unavailable", error.message), headers };
}

function namesOf(entries: readonly Entry[]): string[] {
  return entries.map(({ kind, value }) => `${kind}:${value}`);
}
