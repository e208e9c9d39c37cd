import { hash } from "node:crypto";
import { BlockList, isIP, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { LRUCache } from "lru-cache";

/** The other end of a connection. */
export interface Peer {
  /** Its address; an IPv4 address that arrived over IPv6 is written as IPv4. */
  readonly address: string;
  /** Whether it is a proxy whose forwarding headers are believed. */
  readonly trusted: boolean;
  /** Whether another address is one of those proxies'. */
  readonly trusts: (address: string) => boolean;
  readonly proto: "http" | "https";
  /** The certificate that it has shown, if it was asked for one. */
  readonly certificate: ClientCertificate | undefined;
}

/** A client's certificate, whose key the client has. */
export interface ClientCertificate {
  /** The SHA-256 of it, base64url: what `x5t#S256` of a token names (RFC 8705 section 3.1). */
  readonly hash: string;
  /** Whether one of the configured authorities has issued it. */
  readonly trusted: boolean;
}

/** Makes the reader of peers; `trustedProxies` are addresses or CIDR ranges. It reads each connection once. */
export function createPeerReader(trustedProxies: readonly string[]): (socket: Socket) => Peer {
  const trusts = createTrust(trustedProxies);
  const known = new WeakMap<Socket, Peer>();

  return (socket) => {
    let peer = known.get(socket);
    if (peer === undefined) {
      peer = readPeer(socket, trusts);
      known.set(socket, peer);
    }
    return peer;
  };
}

/** Makes the reader of peers of which another tells the address. */
export function createToldPeerReader(
  trustedProxies: readonly string[],
): (told: { readonly address: string; readonly proto: Peer["proto"] }) => Peer {
  const trusts = createTrust(trustedProxies);
  return ({ address: text, proto }) => {
    const address = withoutMapping(text);
    return { address, trusted: trusts(address), trusts, proto, certificate: undefined };
  };
}

/** Addresses of which is kept whether they are in a range, and how long they may be: a zone has no limit. */
const [maxKnown, maxKnownLength] = [1000, 45];

/** Whether an address is in one of the ranges; what is no address is in none. */
function createTrust(ranges: readonly string[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false;
  const trusted = new BlockList();
  for (const range of ranges) addRange(trusted, range);
  const check = (address: string) =>
    isIP(address) !== 0 && trusted.check(address, familyOf(address));
  // Node makes an object of its own of each address that it is asked about, and most come again.
  const known = new LRUCache<string, boolean>({ max: maxKnown });
  return (address) => {
    const before = known.get(address);
    if (before !== undefined) return before;
    const isTrusted = check(address);
    if (address.length <= maxKnownLength) known.set(address, isTrusted);
    return isTrusted;
  };
}

/** An IPv4 address that arrived over IPv6, as IPv4. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

/** Whether a text is an IP address or a CIDR range. */
export function isRange(text: string): boolean {
  try {
    addRange(new BlockList(), text);
    return true;
  } catch {
    return false;
  }
}

/** Throws if the text is neither an address nor a range. */
function addRange(list: BlockList, text: string): void {
  const [address = "", prefix, ...rest] = text.split("/");
  const family = familyOf(address);
  // A zone names an interface of one machine: no range is meant by it.
  if (address.includes("%")) throw new RangeError(`no range: ${text}`);
  if (prefix === undefined) {
    list.addAddress(address, family);
    return;
  }
  if (rest.length > 0 || !/^\d{1,3}$/.test(prefix)) throw new RangeError(`no range: ${text}`);
  list.addSubnet(address, Number(prefix), family);
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

function readPeer(socket: Socket, trusts: Peer["trusts"]): Peer {
  const { remoteAddress } = socket;
  const proto = "encrypted" in socket ? "https" : "http";
  const certificate = readCertificate(socket);
  if (remoteAddress === undefined) {
    return { address: "unknown", trusted: false, trusts, proto, certificate };
  }
  const address = withoutMapping(remoteAddress);
  return { address, trusted: trusts(address), trusts, proto, certificate };
}

function readCertificate(socket: Socket): ClientCertificate | undefined {
  const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (shown === undefined) return undefined;
  const { authorized } = socket as TLSSocket;
  return { hash: hash("sha256", shown.raw, "base64url"), trusted: authorized };
}
