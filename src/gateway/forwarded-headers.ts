import { withoutQueryFields } from "../http/query.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import { type RequestHeaderOptions, requestHeaders } from "../upstream/request-headers.ts";
import { type Route, readsResponse } from "./route.ts";
import type { Visit } from "./visit.ts";

/**
 * The header section with which this request reaches the application.
 *
 * On a public route no identity is asserted: whether the token was revoked is not checked there.
 */
export function forwardedHeaders(
  options: RequestHeaderOptions,
  visit: Visit,
  { route, token }: { readonly route: Route; readonly token: VerifiedToken | undefined },
): string[] {
  const facts = {
    peer: visit.peer.address,
    proto: visit.peer.proto,
    trusted: visit.peer.trusted,
    host: visit.headers.first("host"),
    version: visit.request.httpVersion,
    requestId: visit.requestId,
  };
  const claims = route.access !== "public" ? token?.headers : undefined;
  const asked = readsResponse(route) ? { ...options, readsAnswer: true } : options;
  return requestHeaders(visit.headers, facts, asked, claims);
}

/** The target with which this request reaches the application: as it was sent, less tokens that it is not to see. */
export function forwardedTarget(
  { withheld }: Pick<RequestHeaderOptions, "withheld">,
  { target }: Visit,
): string {
  const names = withheld?.queryFields;
  return names === undefined || names.size === 0 ? target : withoutQueryFields(target, names);
}
