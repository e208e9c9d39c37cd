import type { Clock, EpochSeconds } from "../../platform/clock.ts";
import { isNumericDate } from "../claim-checks.ts";
import { type CompactJws, isObject, parseCompactJws } from "../compact-jws.ts";
import { type KeyRing, seekIn } from "../keys/key-ring.ts";
import { isSignedWith, keysFor } from "../signature.ts";

/** Whose events are listened to, and whom they must be for. */
export interface EventSource {
  /** The `iss` of its events. */
  readonly issuer: string;
  /** Must be among their `aud`. */
  readonly audience: string;
  readonly keys: KeyRing;
}

/** A Security Event Token (RFC 8417) whose signature, issuer, audience and times are right. */
export interface SecurityEvent<Source extends EventSource = EventSource> {
  readonly source: Source;
  readonly jti: string;
  readonly issuedAt: EpochSeconds;
  /** After that it would be refused. */
  readonly expiresAt: EpochSeconds;
  readonly payload: Readonly<Record<string, unknown>>;
  /** What happened, by the URI of its kind. */
  readonly events: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Why an event is refused: the codes of RFC 8935 section 2.4. */
export type EventError =
  | "invalid_request"
  | "invalid_key"
  | "invalid_issuer"
  | "invalid_audience"
  | "authentication_failed";

/** An event that is refused; nothing is done about it. */
export class EventRefused extends Error {
  override readonly name = "EventRefused";
  readonly code: EventError;

  constructor(code: EventError, message: string) {
    super(message);
    this.code = code;
  }
}

/** The keys of an event's issuer can't be had at present: it can't be told whether it is to be believed. */
export class EventKeysUnavailable extends Error {
  override readonly name = "EventKeysUnavailable";

  /** Does not say where the keys are: the sender of the event may be a stranger. */
  constructor() {
    super("the keys of the event's issuer cannot be fetched now");
  }
}

/** What an event must be like. */
export interface EventRules<Source extends EventSource> {
  readonly sources: readonly Source[];
  /** The values of `typ` that are accepted, in lower case, without `application/`; undefined: none is needed. */
  readonly types: readonly (string | undefined)[];
  readonly clock: Clock;
  readonly clockToleranceSeconds: number;
  /** How long, in seconds, an event is of use: what is issued earlier is refused. */
  readonly maxAgeSeconds: number;
  /**
   * Has the event wait until its key may be there; what it rejects with is what verifyEvent rejects with.
   * The signature of an event that waits has not been checked.
   */
  readonly wait: (ready: Promise<void>) => Promise<void>;
}

/**
 * Checks a Security Event Token; waits where its key has to be fetched first.
 *
 * Rejects with EventRefused where anything is wrong with it, and with EventKeysUnavailable where that
 * can't be told.
 */
export async function verifyEvent<Source extends EventSource>(
  text: string,
  rules: EventRules<Source>,
): Promise<SecurityEvent<Source>> {
  const first = checkByKnownKeys(text, rules);
  if (first.kind === "verified") return first.event;
  // Not at once: strangers can ask for as many keys as they like, and a real event comes but once. What waits
  // is the text alone: parsed, it may be ten times as large.
  await rules.wait(lookFor(first));
  const second = checkByKnownKeys(text, rules);
  if (second.kind === "verified") return second.event;
  throw second.fits ? wrongSignature() : noKey(second.lacking);
}

/** What no known key has signed. */
interface Unsigned {
  readonly kind: "unsigned";
  readonly kid: unknown;
  /** The rings that may yet get its key. */
  readonly lacking: readonly KeyRing[];
  /** Whether some known key might have signed it. */
  readonly fits: boolean;
}

function checkByKnownKeys<Source extends EventSource>(
  text: string,
  rules: EventRules<Source>,
): { readonly kind: "verified"; readonly event: SecurityEvent<Source> } | Unsigned {
  const jws = parseCompactJws(text);
  if (jws === undefined) throw new EventRefused("invalid_request", "expected a signed JWT");
  if (!rules.types.includes(typeOf(jws))) {
    throw new EventRefused("invalid_request", `expected typ ${rules.types.join(" or ")}`);
  }
  const sources = sourcesOf(jws, rules.sources);
  const source = sources.find(({ keys }) =>
    keysFor(jws, keys.keys).some((key) => isSignedWith(text, key)),
  );
  if (source !== undefined) {
    return { kind: "verified", event: { source, ...readClaims(jws.payload, rules) } };
  }
  const { kid } = jws.header;
  const lacking = sources.map(({ keys }) => keys).filter((ring) => !hasNamedKey(kid, ring));
  const fits = sources.some(({ keys }) => keysFor(jws, keys.keys).length > 0);
  return { kind: "unsigned", kid, lacking, fits };
}

/** `typ` as RFC 7515 section 4.1.9 has it compared. */
function typeOf({ header: { typ } }: CompactJws): string | undefined {
  return typeof typ === "string" ? typ.toLowerCase().replace(/^application\//, "") : undefined;
}

/** Those that such an event may come from: an issuer may be there twice, with other keys each time. */
function sourcesOf<Source extends EventSource>(
  { payload: { iss, aud } }: CompactJws,
  sources: readonly Source[],
): readonly Source[] {
  const issuers = sources.filter(({ issuer }) => issuer === iss);
  if (issuers.length === 0) throw new EventRefused("invalid_issuer", "iss is not known here");
  const audiences = Array.isArray(aud) ? aud : [aud];
  const meant = issuers.filter(({ audience }) => audiences.includes(audience));
  if (meant.length === 0) throw new EventRefused("invalid_audience", "aud names another audience");
  return meant;
}

/** Looks for the key of that name; without a name, in every set there is. */
function lookFor({ kid, lacking }: Unsigned): Promise<void> {
  return seekIn(lacking, () => kid !== undefined && lacking.some((ring) => hasNamedKey(kid, ring)));
}

function hasNamedKey(kid: unknown, { keys }: KeyRing): boolean {
  return kid !== undefined && keys.some((key) => key.kid === kid);
}

function wrongSignature(): Error {
  return new EventRefused("authentication_failed", "the signature is wrong");
}

/** What to say if no key may have signed it; `lacking` are the rings that may yet get it. */
function noKey(lacking: readonly KeyRing[]): Error {
  if (lacking.some(({ trouble }) => trouble !== undefined)) return new EventKeysUnavailable();
  return new EventRefused("invalid_key", "signed with no key or algorithm that its issuer has");
}

function readClaims(
  payload: CompactJws["payload"],
  { clock, clockToleranceSeconds, maxAgeSeconds }: EventRules<EventSource>,
): Omit<SecurityEvent, "source"> {
  const { jti, iat, exp, events } = payload;
  const wrong = (message: string) => new EventRefused("invalid_request", message);
  if (typeof jti !== "string" || jti === "") throw wrong("expected jti");
  if (!isNumericDate(iat)) throw wrong("expected iat in seconds");
  if (exp !== undefined && !isNumericDate(exp)) throw wrong("expected exp in seconds");
  const now = clock.nowSeconds();
  const expiresAt = Math.min(exp ?? Number.POSITIVE_INFINITY, iat + maxAgeSeconds);
  if (iat > now + clockToleranceSeconds) throw wrong("iat is still to come");
  if (now >= expiresAt + clockToleranceSeconds) throw wrong("it has expired");
  if (!isObject(events)) throw wrong("expected events");
  for (const [kind, event] of Object.entries(events)) {
    if (!isObject(event)) throw wrong(`expected an object as ${kind}`);
  }
  return {
    ...{ jti, issuedAt: iat, expiresAt: expiresAt + clockToleranceSeconds, payload },
    events: events as SecurityEvent["events"],
  };
}
