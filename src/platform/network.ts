import { isIPv6 } from "node:net";

/** What limits take for one peer: an IPv4 address, or an IPv6 network of 64 bits, which one machine may have. */
export function networkOf(address: string): string {
  return address.includes(":") && isIPv6(address) ? firstHalf(address) : address;
}

/** The first four of an IPv6 address's eight groups, written out. */
function firstHalf(address: string): string {
  const [left = [], right = []] = address
    .split("::")
    .map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].slice(0, 4).join(":");
}
