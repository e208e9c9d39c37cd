import { type CompatibilityMapping, growsTooLong, mapCompatible } from "./compatibility-mapping.ts";

/** A request target with one meaning. */
export interface Target {
  /** The path exactly as sent. */
  readonly sent: string;
  /** The canonical path: unreserved characters decoded, hex digits in upper case. */
  readonly path: string;
  /**
   * The canonical path as the most lenient router would read it: lower case, no `;` parameters, no
   * trailing slash, no dots or spaces at the end of a segment.
   */
  readonly loose: string;
  /** The same as a router would read it to which `;` begins the query; undefined without one. */
  readonly beforeSemicolon: string | undefined;
  /**
   * It holds `;`, or an encoded `;`, `?`, `#` or (where allowed) `/`, or a dot or space that ends a
   * segment: servers disagree on what that means, so such a path is never exempt and never a known
   * revoking route.
   */
  readonly contested: boolean;
  /**
   * The path with its encoded slashes decoded; undefined if it has none, or is contested for another reason,
   * too. A router takes them for characters of a segment, or for slashes.
   */
  readonly slashesDecoded: string | undefined;
  /** Whether its encoded slashes pass only if a rule allows them. */
  readonly slashesNeedRule: boolean;
  /** The canonical path as Unicode's compatibility mapping has it; undefined if that is the same, or it is contested. */
  readonly mapped: string | undefined;
  /** More readings as loose as `loose`: with escaped slashes in their segments, and mapped. */
  readonly otherReadings: readonly string[];
}

/** The relaxations that an operator can ask for by name. */
export interface TargetOptions {
  /** Lets `%2F` through on protected routes, or where a rule allows it. */
  readonly allowEncodedSlash: boolean | "by_rule";
}

/** Printable ASCII without white space, `#` and `\` (which some parsers take for `/`). */
const plainPath = /^\/[!"$-[\]-~]*$/;
/** The same for the query; a `\` there has one meaning. */
const plainQuery = /^[!"$-~]*$/;
const brokenEscape = /%(?![0-9A-Fa-f]{2})/;
const escapedEscape = /%25[0-9A-Fa-f]{2}/i;
const escapedControl = /%(?:[01][0-9A-F]|7F)/i;
const escapedBackslash = /%5C/i;
const escapedSlash = /%2F/i;
/** Dots and spaces that end a segment are gone when Windows has opened the file. */
const contestedCharacters = /;|%3B|%3F|%23|%2F|(?:\.|%20)(?:\/|$)/i;
const unreserved = /[A-Za-z0-9._~-]/;

/**
 * Reads a request target in origin form, or returns undefined where servers are known to disagree on
 * what it means. The query string takes no part in any decision.
 *
 * Refused: other forms than origin form, `//`, `\`, `#`, control and non-ASCII bytes, dot segments in
 * any spelling, encoded `/` (unless allowed), `\`, and control bytes, invalid or double percent-encoding,
 * and what is not UTF-8. Sources: GHSA and CVE lists in docs/security.md; decision note 0003.
 */
export function readTarget(text: string, options: TargetOptions): Target | undefined {
  const question = text.indexOf("?");
  const sent = question === -1 ? text : text.slice(0, question);
  if (!plainPath.test(sent) || sent.includes("//")) return undefined;
  if (question !== -1 && !plainQuery.test(text.slice(question + 1))) return undefined;

  const path = sent.includes("%") ? decodePath(sent, options) : sent;
  if (path === undefined || hasDotSegment(path)) return undefined;
  const escapes = sent.includes("%") ? readEscapes(path, options) : plain;
  const contested = contestedCharacters.test(path) || escapes.hasNewSyntax;
  return {
    sent,
    path,
    loose: loosen(path, contested),
    beforeSemicolon: contested ? cut(path) : undefined,
    contested,
    slashesDecoded: escapes.slashesDecoded,
    slashesNeedRule: escapes.slashesNeedRule,
    mapped: contested ? undefined : escapes.mapped,
    otherReadings: escapes.otherReadings,
  };
}

/** What the escapes of a path may mean besides what they say. */
type Escapes = Pick<Target, "slashesDecoded" | "slashesNeedRule" | "mapped" | "otherReadings"> &
  Pick<CompatibilityMapping, "hasNewSyntax">;

const plain: Escapes = {
  slashesDecoded: undefined,
  slashesNeedRule: false,
  mapped: undefined,
  hasNewSyntax: false,
  otherReadings: [],
};

function readEscapes(path: string, { allowEncodedSlash }: TargetOptions): Escapes {
  const mapping = mapCompatible(path);
  const readings = mapping?.readings.map((reading) => loosen(reading, true)) ?? [];
  const mapped = mapping && { mapped: mapping.path, hasNewSyntax: mapping.hasNewSyntax };
  const read = { ...plain, ...mapped, otherReadings: readings };
  if (!path.includes("%2F")) return read;
  const inSegments = loosen(path.replaceAll("%2F", "%2f"), true);
  return {
    ...read,
    slashesDecoded: mapping === undefined ? decodeSlashes(path) : undefined,
    slashesNeedRule: allowEncodedSlash === "by_rule",
    otherReadings: [inSegments, ...readings],
  };
}

/** Undefined if that leaves anything on which frameworks disagree. */
function decodeSlashes(path: string): string | undefined {
  const decoded = path.replaceAll("%2F", "/");
  return contestedCharacters.test(decoded) || decoded.includes("//") ? undefined : decoded;
}

function decodePath(sent: string, { allowEncodedSlash }: TargetOptions): string | undefined {
  if (brokenEscape.test(sent) || !isUtf8(sent)) return undefined;
  if (escapedControl.test(sent) || escapedBackslash.test(sent)) return undefined;
  if (!allowEncodedSlash && escapedSlash.test(sent)) return undefined;
  const path = sent.replace(/%[0-9A-Fa-f]{2}/g, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
    return unreserved.test(character) ? character : triplet.toUpperCase();
  });
  // After decoding: the digits of a second escape may themselves be escaped (%25%32%66).
  return escapedEscape.test(path) || growsTooLong(path) ? undefined : path;
}

/** Overlong forms and lone surrogates are not UTF-8 (RFC 3629 section 3). */
function isUtf8(escaped: string): boolean {
  try {
    decodeURIComponent(escaped);
    return true;
  } catch {
    return false;
  }
}

/** `.` and `..`, also with parameters after them (`/..;x/` is `/../` to a servlet container). */
function hasDotSegment(path: string): boolean {
  if (!path.includes(".")) return false;
  return path.split(/\/|%2F/).some((segment) => /^\.{1,2}(?:$|;|%3B|%3F|%23)/.test(segment));
}

function loosen(path: string, contested: boolean): string {
  const bare = contested
    ? path
        .replace(/(?:%3F|%23).*$/, "")
        .replace(/(?:;|%3B)[^/]*/g, "")
        .replaceAll("%2F", "/")
        // Looked for from where such a run begins: from each of its dots anew would be quadratic.
        .replace(/(?<!\.|%20)(?:\.|%20)+(?=\/|$)/g, "")
        // What is left of a segment that was nothing but parameters (`/;x/logout`, `/%20/logout`).
        .replace(/\/{2,}/g, "/")
    : path;
  const lower = bare.toLowerCase();
  return lower.length > 1 && lower.endsWith("/") ? lower.slice(0, -1) : lower;
}

function cut(path: string): string | undefined {
  const [before = "", ...more] = path.split(/;|%3B/);
  return more.length === 0 ? undefined : loosen(before, true);
}
