import type { HeaderList } from "../http/field-lines.ts";

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
  /** Undefined for a request of HTTP/1.0 that names none. */
  readonly host: string | undefined;
  readonly requestId: string;
  /** Whether the peer may say who stands behind it. */
  readonly trusted: boolean;
  /** The version of HTTP that the client speaks, such as `1.1`. */
  readonly version: string;
}

/**
 * Whether a header of a client says where its request comes from, so that it is revgate's to write.
 * `spelled`: its name with hyphens.
 */
export function isForwardingClaim(
  name: string,
  spelled: string,
  { trusted }: Pick<ForwardedFacts, "trusted">,
): boolean {
  // Only these can match; most headers begin with another letter.
  const first = spelled.charCodeAt(0);
  if ((first !== letterX && first !== letterF) || !forwardingClaims.test(spelled)) return false;
  // From a trusted proxy its own lines pass; those that are extended below are written anew.
  if (!trusted || spelled !== name) return true;
  return name === "x-forwarded-for" || name === "forwarded";
}

/**
 * Says where a request comes from, after what a trusted peer says.
 *
 * `Forwarded` only if the peer has sent one, or `always`: many applications believe it before
 * `X-Forwarded-*`, and know nothing of what a proxy in front has said there.
 */
export function addForwarding(
  out: string[],
  headers: HeaderList,
  { trusted, peer, proto, host }: ForwardedFacts,
  always: boolean,
): void {
  const said = (name: string) => (trusted ? headers.all(name) : []);
  out.push("X-Forwarded-For", [...said("x-forwarded-for"), peer].join(", "));
  if (said("x-forwarded-proto").length === 0) out.push("X-Forwarded-Proto", proto);
  if (host !== undefined && said("x-forwarded-host").length === 0) {
    out.push("X-Forwarded-Host", host);
  }
  const chain = said("forwarded");
  if (chain.length === 0 && !always) return;
  const node = peer.includes(":") ? `"[${peer}]"` : peer;
  const named = host === undefined ? "" : `host="${host}";`;
  out.push("Forwarded", [...chain, `for=${node};${named}proto=${proto}`].join(", "));
}
