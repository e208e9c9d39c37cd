import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * Whether a request names the listener itself as its Host: by an address, as `localhost`, or by one of `names`.
 *
 * A page of somebody else's can have its own name lead here (DNS rebinding), and would then be taken by
 * the browser for the listener's own page. No name can be made to look like an address.
 */
export function namesOwnHost(
  { headersDistinct }: IncomingMessage,
  names: readonly string[],
): boolean {
  const [host, ...more] = headersDistinct["host"] ?? [];
  if (host === undefined || more.length > 0) return false;
  const [, bracketed, plain = ""] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(host) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  const name = plain.toLowerCase().replace(/\.$/, "");
  return isIP(name) === 4 || name === "localhost" || names.includes(name);
}
