interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where a configuration has revgate listen, and what it forwards to. */
interface Listening {
  readonly listen: Address;
  readonly admin: Address;
  readonly decisions?: Address | undefined;
  readonly upstream: { readonly url: URL };
}

/** Something that is wrong with an address, and where. */
interface AddressProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** Two listeners with one address: the second could not start. Port 0 is another one each time. */
export function repeatedListeners({ listen, admin, decisions }: Listening): AddressProblem[] {
  const all = Object.entries({ listen, admin, ...(decisions && { decisions }) });
  return all.flatMap(([name, own], index) => {
    const other = all.slice(0, index).find(([, each]) => each.port === own.port && meet(each, own));
    if (other === undefined || own.port === 0) return [];
    const message = `expected another port than ${own.port}, on which ${other[0]} listens`;
    return [{ path: [name, "port"], message }];
  });
}

/** An application that is one of revgate's own listeners: each request would be forwarded to revgate for ever. */
export function ownUpstream({ upstream: { url }, ...listening }: Listening): AddressProblem[] {
  const { listen, admin, decisions } = listening;
  // One with a problem of its own has come through as it was written.
  if (!(url instanceof URL) || url.protocol === "unix:") return [];
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const found = Object.entries({ listen, admin, decisions }).find(
    ([, each]) => each !== undefined && each.port === port && isReachedBy(host, each.host),
  );
  if (found === undefined) return [];
  const message = `expected the application's address, not revgate's own (${found[0]}: ${found[1]?.host}:${port}); give one of them another port`;
  return [{ path: ["upstream", "url"], message }];
}

function meet(one: Address, other: Address): boolean {
  return takesAll(one.host, other.host) || takesAll(other.host, one.host);
}

/** Whether a listener on `host` has what one on `other` would listen on. */
function takesAll(host: string, other: string): boolean {
  if (host === "::" || host === other) return true;
  return host === "0.0.0.0" && other !== "::" && !other.includes(":");
}

/** Whether who connects to an address on this machine comes to a listener. */
function isReachedBy(address: string, listener: string): boolean {
  if (address === listener) return true;
  const isOpen = ["0.0.0.0", "::", "localhost", "::1"].includes(listener);
  if (isAnyOfLoopback(address)) return isOpen || /^127\./.test(listener);
  if (address === "::1") return listener === "::" || listener === "localhost";
  return /^127\./.test(address) && isOpen && listener !== "::1";
}

/** An address that leads to loopback, of either family. */
function isAnyOfLoopback(address: string): boolean {
  return address === "localhost" || address === "0.0.0.0" || address === "::";
}
