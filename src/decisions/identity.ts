import type { Admitted } from "../gateway/checks.ts";
import type { FieldLines } from "../http/field-lines.ts";

/**
 * The headers that say who sends a request. On a public route no identity is asserted: whether the token was
 * revoked is not checked there.
 */
export function claimsFor({ route, token }: Pick<Admitted, "route" | "token">): FieldLines {
  return route.access === "public" ? [] : (token?.headers ?? []);
}
