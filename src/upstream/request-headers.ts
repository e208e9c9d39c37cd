import { jsonAccepted } from "../http/accept.ts";
import { withoutCookies } from "../http/cookies.ts";
import {
  eachField,
  type FieldLines,
  type HeaderList,
  spelledWithHyphens,
} from "../http/field-lines.ts";
import { overrideHeaders } from "../http/method-override.ts";
import { subprotocolHeader, withoutSubprotocolTokens } from "../http/subprotocols.ts";
import { addForwarding, type ForwardedFacts, isForwardingClaim } from "./forwarding-headers.ts";
import { hopByHop, nominatedBy, upgradeOption, viaLine } from "./hop-by-hop.ts";

/** The credentials that the application is not to see, by where they are. */
export interface WithheldCredentials {
  /** Lower-case names, with hyphens. */
  readonly headers: ReadonlySet<string>;
  readonly cookies: ReadonlySet<string>;
  /** Loosely spelled (see form-fields.ts). */
  readonly queryFields: ReadonlySet<string>;
  /** The subprotocols that tokens follow. */
  readonly subprotocols: readonly string[];
}

/** Which request headers have a meaning for revgate. */
export interface RequestHeaderOptions {
  /** Lower-case names of the headers that carry credentials: no `Connection` header removes them. */
  readonly credentialHeaders: readonly string[];
  /** Lower-case names, with hyphens, of the headers that only revgate sets: a client's are dropped. */
  readonly ownHeaders: ReadonlySet<string>;
  /** Set where the application is not to see the credentials. */
  readonly withheld: WithheldCredentials | undefined;
  /** The `Host` of a request of HTTP/1.0 that has none. */
  readonly applicationHost: string;
  /** Whether `Forwarded` is added to every request, and not only to what a trusted peer says there. */
  readonly addsForwarded: boolean;
  /** Whether revgate names itself in `Via`. */
  readonly addsVia: boolean;
  /** Set where the response is read here: the application is to send JSON, as it is. */
  readonly readsAnswer?: boolean;
  /** Set for a WebSocket handshake, whose `Connection` and `Upgrade` stay where they are. */
  readonly upgrades?: boolean;
  /** Set if the frames of a WebSocket are read here, so that no extension may be agreed on. */
  readonly plainFrames?: boolean;
}

const none: readonly string[] = [];

/** What ends here of every request; HTTP2-Settings belongs to an upgrade that is not passed on. */
const endsInRequests = new Set([...hopByHop, "expect", "http2-settings", "trailer"]);

/** Names that a `Connection` header can't talk away: without them the application would see another request. */
const neverNominated = new Set([
  "host",
  "content-length",
  "content-type",
  "authorization",
  "cookie",
]);

/** What means nothing behind a body, or something else than before it (RFC 9110 section 6.5.1). */
const neverTrailers = new Set([
  ...endsInRequests,
  ...neverNominated,
  ...overrideHeaders,
  "content-encoding",
  "content-range",
  "cache-control",
  "max-forwards",
]);

/**
 * The header section that the application receives: the client's lines in order and letter case, less
 * what ends here, plus what revgate vouches for.
 */
export function requestHeaders(
  headers: HeaderList,
  facts: ForwardedFacts,
  options: RequestHeaderOptions,
  claims: FieldLines = none,
): string[] {
  const nominated = nominatedBy(headers.all("connection"));
  const out: string[] = facts.host === undefined ? ["Host", options.applicationHost] : [];
  for (const [index, name] of headers.names.entries()) {
    const sent = headers.raw[2 * index + 1] ?? "";
    const value = endsHere(name, nominated, options)
      ? keptValue(name, sent, { headers, options })
      : passedValue(name, sent, { facts, options });
    if (value !== undefined) out.push(headers.raw[2 * index] ?? "", value);
  }
  addForwarding(out, headers, facts, options.addsForwarded);
  if (options.addsVia) out.push(...viaLine(facts.version));
  out.push("X-Request-Id", facts.requestId, ...claims);
  if (options.readsAnswer === true) {
    out.push("Accept", jsonAccepted(headers.all("accept")), "Accept-Encoding", "identity");
  }
  return out;
}

/**
 * The trailers of a request as the application receives them: less what could tell it something else than its
 * head did, of credentials, of who is behind it, or of where it ends.
 */
export function requestTrailers(
  trailers: FieldLines,
  headers: HeaderList,
  options: RequestHeaderOptions,
): FieldLines {
  const nominated = nominatedBy(headers.all("connection"));
  const out: string[] = [];
  for (const [name, value] of eachField(trailers)) {
    const lower = name.toLowerCase();
    const spelled = spelledWithHyphens(lower);
    if (neverTrailers.has(spelled) || nominated?.has(lower) === true) continue;
    if (options.credentialHeaders.includes(spelled)) continue;
    if (isReplaced(lower, { trusted: false }, options)) continue;
    out.push(name, value);
  }
  return out;
}

function endsHere(
  name: string,
  nominated: ReadonlySet<string> | undefined,
  { credentialHeaders }: RequestHeaderOptions,
): boolean {
  if (endsInRequests.has(name)) return true;
  if (nominated === undefined || !nominated.has(name)) return false;
  return !neverNominated.has(name) && !credentialHeaders.includes(name);
}

/** What is passed on of a line that ends here; undefined: nothing. */
function keptValue(
  name: string,
  value: string,
  { headers, options }: { readonly headers: HeaderList; readonly options: RequestHeaderOptions },
): string | undefined {
  // Trailers pass, but only after chunks.
  if (name === "trailer") return headers.has("transfer-encoding") ? value : undefined;
  if (options.upgrades !== true) return undefined;
  if (name === "upgrade") return value;
  return name === "connection" ? upgradeOption(value) : undefined;
}

/** The value of a line as the application sees it; undefined if the line is not the client's to send. */
function passedValue(
  name: string,
  value: string,
  { facts, options }: { readonly facts: ForwardedFacts; readonly options: RequestHeaderOptions },
): string | undefined {
  if (isReplaced(name, facts, options)) return undefined;
  const { withheld } = options;
  if (withheld !== undefined && withheld.subprotocols.length > 0) {
    if (spelledWithHyphens(name) === subprotocolHeader) {
      return withoutSubprotocolTokens(value, withheld.subprotocols);
    }
  }
  const cookies = name === "cookie" ? withheld?.cookies : undefined;
  return cookies === undefined || cookies.size === 0 ? value : withoutCookies(value, cookies);
}

/** Whether a line is revgate's to write, or the application is not to see it. */
function isReplaced(
  name: string,
  facts: Pick<ForwardedFacts, "trusted">,
  { ownHeaders, withheld, readsAnswer, plainFrames }: RequestHeaderOptions,
): boolean {
  const spelled = spelledWithHyphens(name);
  if (plainFrames === true && spelled === "sec-websocket-extensions") return true;
  if (readsAnswer === true && (spelled === "accept-encoding" || spelled === "accept")) return true;
  if (spelled === "x-request-id" || isForwardingClaim(name, spelled, facts)) return true;
  return ownHeaders.has(spelled) || withheld?.headers.has(spelled) === true;
}
