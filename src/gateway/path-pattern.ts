import { readTarget } from "./target.ts";

/** A segment with a name, such as `{id}`. */
const named = /^\{([A-Za-z_][\w-]*)\}$/;

/**
 * Whether a text is a pattern of paths: a path in canonical form, in which a whole segment may be `{name}` (one
 * segment) or `*` (one segment, or everything below if it is the last).
 *
 * A pattern in another form than the one requests are matched in would never match, or match too much.
 */
export function isPathPattern(pattern: string): boolean {
  const read = readTarget(pattern, { allowEncodedSlash: false });
  if (read === undefined || read.contested || read.path !== pattern) return false;
  if (pattern.includes("?")) return false;
  return pattern
    .split("/")
    .every((segment) => segment === "*" || named.test(segment) || !/[*{}]/.test(segment));
}

/** Which segment has which name: `/a/{id}` has `id` at 2. */
export function namedSegments(pattern: string): ReadonlyMap<string, number> {
  return new Map(
    pattern.split("/").flatMap((segment, index): [string, number][] => {
      const [, name] = named.exec(segment) ?? [];
      return name === undefined ? [] : [[name, index]];
    }),
  );
}

/** Makes what tells whether a path matches a pattern: as it is written, or in its loosest reading. */
export function compilePattern(pattern: string, exact: boolean): (path: string) => boolean {
  if (!/[*{]/.test(pattern)) return (path) => path === pattern;
  const segments = pattern.split("/");
  const source = segments.map((segment, index) => {
    if (named.test(segment)) return "[^/]+";
    if (segment !== "*") return segment.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");
    // "/static/*" as written is not "/static/": routers that ignore a trailing slash take that for "/static".
    return index < segments.length - 1 ? "[^/]+" : exact && index > 1 ? ".+" : ".*";
  });
  // Loosely, "/static/*" also stands for "/static" itself, whose trailing slash has been taken off.
  const joined = source.join("/");
  const tail = !exact && segments.at(-1) === "*" ? joined.replace(/\/\.\*$/, "(?:/.*)?") : joined;
  const expression = new RegExp(`^${tail}$`);
  return (path) => expression.test(path);
}

/** Whether some path matches both of two patterns, in its loosest reading. */
export function patternsOverlap(one: string, other: string): boolean {
  const [a, b] = [segmentsOf(one), segmentsOf(other)];
  for (let i = 0; ; i += 1) {
    if (isTail(a, i) || isTail(b, i)) return true;
    const [segment, against] = [a[i], b[i]];
    if (segment === undefined || against === undefined) return segment === against;
    if (!isAny(segment) && !isAny(against) && segment !== against) return false;
  }
}

/** Whether a pattern matches, as it is written, every path that another one does. */
export function patternCovers(wide: string, narrow: string): boolean {
  const [all, some] = [wide.split("/"), narrow.split("/")];
  const hasTail = all.at(-1) === "*";
  const fixed = hasTail ? all.slice(0, -1) : all;
  // A tail needs one character at least, which every segment of a pattern has but the last.
  const isLong = hasTail ? (some[fixed.length] ?? "") !== "" : some.length === fixed.length;
  return isLong && fixed.every((segment, index) => covers(segment, some, index));
}

function covers(segment: string, some: readonly string[], index: number): boolean {
  if (isTail(some, index)) return false;
  return isAny(segment) ? some[index] !== "" : segment === some[index];
}

function segmentsOf(pattern: string): readonly string[] {
  return pattern
    .toLowerCase()
    .replace(/(?<=.)\/$/, "")
    .split("/");
}

/** Whether everything from there on matches. */
function isTail(segments: readonly string[], index: number): boolean {
  return index === segments.length - 1 && segments[index] === "*";
}

function isAny(segment: string): boolean {
  return segment === "*" || named.test(segment);
}
