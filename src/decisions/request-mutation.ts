import type { Admitted } from "../gateway/checks.ts";
import { forwardedTarget } from "../gateway/forwarded-headers.ts";
import type { Forwarding } from "../gateway/forwarding.ts";
import { readsResponse } from "../gateway/route.ts";
import type { Visit } from "../gateway/visit.ts";
import { jsonAccepted } from "../http/accept.ts";
import { withoutCookies } from "../http/cookies.ts";
import { eachField, type FieldLines, spelledWithHyphens } from "../http/field-lines.ts";
import { subprotocolHeader, withoutSubprotocolTokens } from "../http/subprotocols.ts";
import { claimsFor } from "./identity.ts";

/** What a gateway is to change in a request that it passes on. */
export interface RequestMutation {
  /** Lines that replace all others of their names; names in lower case, `:path` is the target. */
  readonly set: FieldLines;
  /** Names in lower case. */
  readonly remove: readonly string[];
}

/**
 * What makes a request that a gateway passes on the one that revgate would have forwarded: it says who sends it, clients
 * can't, and credentials are left out if the application is not to see them.
 */
export function requestMutation(
  gate: Pick<Forwarding, "ownHeaders" | "withheld">,
  visit: Visit,
  admitted: Admitted,
): RequestMutation {
  const { withheld } = gate;
  const set: string[] = [];
  for (const [name, value] of eachField(claimsFor(admitted))) set.push(name.toLowerCase(), value);
  const remove = notTheClients(gate, visit);
  for (const [name, value] of withheld ? withoutCredentials(withheld, visit) : []) {
    if (value === "") remove.add(name);
    else set.push(name, value);
  }
  const target = forwardedTarget(gate, visit);
  if (target !== visit.target) set.push(":path", target);
  if (readsResponse(admitted.route)) {
    set.push("accept", jsonAccepted(visit.headers.all("accept")), "accept-encoding", "identity");
  }
  for (const [name] of eachField(set)) remove.delete(name);
  return { set, remove: [...remove] };
}

/**
 * Whether a client has sent such a header under another spelling: to some applications `X_User_Id` is the same, and a gateway
 * that asks over HTTP takes away only what it is configured to.
 */
export function hasOtherSpelling(
  { ownHeaders, withheld }: Pick<Forwarding, "ownHeaders" | "withheld">,
  { headers }: Visit,
): boolean {
  return headers.names.some((name) => {
    const spelled = spelledWithHyphens(name);
    if (spelled === name) return false;
    return ownHeaders.has(spelled) || withheld?.headers.has(spelled) === true;
  });
}

/** The names of headers that are not the client's to send, or not the application's to see; in the client's spellings, too. */
function notTheClients(
  { ownHeaders, withheld }: Pick<Forwarding, "ownHeaders" | "withheld">,
  { headers }: Visit,
): Set<string> {
  const names = new Set([...ownHeaders, ...(withheld?.headers ?? [])]);
  const spellings = headers.names.filter((name) => names.has(spelledWithHyphens(name)));
  return new Set([...names, ...spellings]);
}

/** The headers of which credentials are a part, each as one line without them; empty if nothing is left of it. */
function withoutCredentials(
  { cookies, subprotocols }: NonNullable<Forwarding["withheld"]>,
  { headers }: Visit,
): [name: string, value: string][] {
  const parts = [
    ["cookie", "; ", (line: string) => withoutCookies(line, cookies)],
    [subprotocolHeader, ", ", (line: string) => withoutSubprotocolTokens(line, subprotocols)],
  ] as const;
  return parts.flatMap(([name, separator, without]) => {
    const lines = headers.all(name);
    const kept = lines.map(without);
    if (kept.every((line, index) => line === lines[index])) return [];
    return [[name, kept.filter((line) => line !== undefined).join(separator)]];
  });
}
