import { pathForLog, redactedSegment } from "./path-for-log.ts";

const looksLikeId =
  /^(?:\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,}|.{48,})$/i;
/** What a rule can name: a path with other characters is left out. */
const plainPath = /^\/[\w.~!$&'()+,=:@/%-]*$/;

/**
 * What the paths of one route have in common: segments that look like ids are `{id}`, as in a rule.
 *
 * Undefined for a target that no rule can name. No token is ever in it.
 */
export function shapeOf(target: string): string | undefined {
  const path = pathForLog(target);
  if (path === undefined) return undefined;
  let ids = 0;
  const segments = path.split("/").map((segment) => {
    if (segment !== redactedSegment && !looksLikeId.test(segment)) return segment;
    ids += 1;
    return ids === 1 ? "{id}" : `{id${ids}}`;
  });
  const plain = segments.filter((segment) => !/^\{id\d*\}$/.test(segment)).join("/");
  return plainPath.test(`/${plain}`) ? segments.join("/") : undefined;
}
