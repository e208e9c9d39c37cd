import type { ClientRequest } from "../node-http/client-request.ts";

const slash = "/".charCodeAt(0);
const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/i;

/**
 * The target of a request in origin form (RFC 9112 section 3.2).
 *
 * An absolute one, as a client sends that takes revgate for its proxy, loses scheme and authority if the
 * authority is the Host: then both forms mean the same. Any other is returned as it was sent, and nothing
 * but a target in origin form passes.
 */
export function originForm(
  { method, url = "" }: Pick<ClientRequest, "method" | "url">,
  host: string | undefined,
): string {
  if (url.charCodeAt(0) === slash || host === undefined) return url;
  const [, authority, rest = ""] = absoluteForm.exec(url) ?? [];
  if (authority?.toLowerCase() !== host.toLowerCase()) return url;
  if (rest.charCodeAt(0) === slash) return rest;
  // Without a path, OPTIONS asks about the server as a whole (RFC 9112 section 3.2.4).
  return method === "OPTIONS" ? url : `/${rest}`;
}
