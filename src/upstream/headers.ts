import { withoutCookies } from "../http/cookies.ts";
import {
  type FieldLines,
  fieldValues,
  type HeaderList,
  spelledWithHyphens,
} from "../http/field-lines.ts";

/** Header names of RFC 9110 section 7.6.1 (and the one browsers made up) that end at each hop. */
const hopByHop = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const hopByHopLengths = new Set([...hopByHop].map((name) => name.length));
const none: readonly string[] = [];

/** Names that a `Connection` header can't talk away: without them the application would see another request. */
const neverNominated = new Set([
  "host",
  "content-length",
  "content-type",
  "authorization",
  "cookie",
]);

/** Headers by which a client could tell the application another address, path or scheme than was checked. */
const forwardingClaims =
  /^(?:x-forwarded-.*|forwarded|x-real-ip|x-original-(?:url|uri|host|method)|x-rewrite-url)$/;

const letterX = "x".charCodeAt(0);
const letterF = "f".charCodeAt(0);

/** What revgate itself says of a request. */
export interface ForwardedFacts {
  /** The peer's address, without brackets. */
  readonly peer: string;
  readonly proto: "http" | "https";
  readonly host: string;
  readonly requestId: string;
  /** Whether the peer may say who stands behind it. */
  readonly trusted: boolean;
}

/** Which request headers have a meaning for revgate. */
export interface RequestHeaderOptions {
  /** Lower-case names of the headers that carry credentials: no `Connection` header removes them. */
  readonly credentialHeaders: readonly string[];
  /** Lower-case names, with hyphens, of the headers that only revgate sets: a client's are dropped. */
  readonly ownHeaders: ReadonlySet<string>;
  /** Set where the application is not to see the credentials. */
  readonly withheld:
    | { readonly headers: ReadonlySet<string>; readonly cookies: ReadonlySet<string> }
    | undefined;
  /** Set where the response is read here, so that the application is to send it as it is. */
  readonly uncoded?: boolean;
}

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
  const out: string[] = [];
  for (const [index, name] of headers.names.entries()) {
    if (endsHere(name, nominated, options) || isReplaced(name, facts, options)) continue;
    const value = headers.raw[2 * index + 1] ?? "";
    const passed = name === "cookie" ? passCookies(value, options.withheld?.cookies) : value;
    if (passed !== undefined) out.push(headers.raw[2 * index] ?? "", passed);
  }
  addForwarding(out, headers, facts);
  out.push("X-Request-Id", facts.requestId, ...claims);
  if (options.uncoded === true) out.push("Accept-Encoding", "identity");
  return out;
}

function endsHere(
  name: string,
  nominated: ReadonlySet<string> | undefined,
  { credentialHeaders }: RequestHeaderOptions,
): boolean {
  if (hopByHop.has(name) || name === "expect") return true;
  if (nominated === undefined || !nominated.has(name)) return false;
  return !neverNominated.has(name) && !credentialHeaders.includes(name);
}

/** Whether a line is revgate's to write, or the application is not to see it. */
function isReplaced(
  name: string,
  facts: ForwardedFacts,
  { ownHeaders, withheld, uncoded }: RequestHeaderOptions,
): boolean {
  const spelled = spelledWithHyphens(name);
  if (uncoded === true && spelled === "accept-encoding") return true;
  if (spelled === "x-request-id" || isForwardingClaim(name, spelled, facts)) return true;
  return ownHeaders.has(spelled) || withheld?.headers.has(spelled) === true;
}

function passCookies(header: string, withheld?: ReadonlySet<string>): string | undefined {
  return withheld === undefined || withheld.size === 0 ? header : withoutCookies(header, withheld);
}

/**
 * The application's header section as the client may see it.
 *
 * Names are compared only where their length is that of one that ends here: most are not.
 */
export function responseHeaders(raw: FieldLines): string[] {
  const nominated = nominatedBy(fieldValues(raw, "connection"));
  const out: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    if (nominated !== undefined || hopByHopLengths.has(name.length)) {
      const lower = name.toLowerCase();
      if (hopByHop.has(lower) || (nominated?.has(lower) && lower !== "content-length")) continue;
    }
    out.push(name, raw[i + 1] ?? "");
  }
  return out;
}

/** These say something of the connection and name no header. */
const connectionOptions = /^(?:keep-alive|close)$/i;

function nominatedBy(values: readonly string[]): Set<string> | undefined {
  if (values.every((value) => connectionOptions.test(value))) return undefined;
  const options = values.flatMap((value) => value.split(","));
  return new Set(options.map((option) => option.trim().toLowerCase()));
}

function isForwardingClaim(name: string, spelled: string, facts: ForwardedFacts): boolean {
  // Only these can match; most headers begin with another letter.
  const first = spelled.charCodeAt(0);
  if ((first !== letterX && first !== letterF) || !forwardingClaims.test(spelled)) return false;
  // From a trusted proxy its own lines pass; those that are extended below are written anew.
  if (!facts.trusted || spelled !== name) return true;
  return name === "x-forwarded-for" || name === "forwarded";
}

function addForwarding(out: string[], headers: HeaderList, facts: ForwardedFacts): void {
  const said = (name: string) => (facts.trusted ? headers.all(name) : []);
  out.push("X-Forwarded-For", [...said("x-forwarded-for"), facts.peer].join(", "));
  if (said("x-forwarded-proto").length === 0) out.push("X-Forwarded-Proto", facts.proto);
  if (said("x-forwarded-host").length === 0) out.push("X-Forwarded-Host", facts.host);
  const peer = facts.peer.includes(":") ? `"[${facts.peer}]"` : facts.peer;
  const hop = `for=${peer};host="${facts.host}";proto=${facts.proto}`;
  out.push("Forwarded", [...said("forwarded"), hop].join(", "));
}
