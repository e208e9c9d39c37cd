import type { Admitted } from "../gateway/checks.ts";
import type { FieldLines } from "../http/field-lines.ts";

/**
 * The headers that say who sends a request. Nobody is vouched for on a public route, where a token is not asked whether
 * it has been revoked.
 */
export function claimsFor({ route, token }: Pick<Admitted, "route" | "token">): FieldLines {
  return route.access === "public" ? [] : (token?.headers ?? []);
}
