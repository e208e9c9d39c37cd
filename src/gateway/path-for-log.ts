/** What stands in a log in place of a segment that may be a token. */
export const redactedSegment = "[token]";

/** Segments of a path that hold tokens, whatever they look like: by their number, or `all`. */
export type SecretSegments = readonly number[] | "all" | undefined;

/**
 * The path of a target as it may stand in a log or a span: without what works as a credential.
 *
 * Query strings, fragments and the user in an absolute target are left out. A segment that looks like a
 * token is replaced: some APIs have live ones in their paths (npm logs out with
 * `DELETE /-/user/token/<token>`). Rather one too many: a hash in a file's name looks the same.
 */
export function pathForLog(target: string, secret?: SecretSegments): string | undefined {
  if (!target.startsWith("/") || secret === "all") return undefined;
  const [path = ""] = target.split(/[?#]/, 1);
  if (path.length < minTokenLength && secret === undefined) return path;
  return path
    .split("/")
    .map((segment, index) =>
      secret?.includes(index) || looksLikeToken(segment) ? redactedSegment : segment,
    )
    .join("/");
}

/** What is shorter can be guessed, and is no token. */
const minTokenLength = 20;

function looksLikeToken(segment: string): boolean {
  if (segment.length < minTokenLength) return false;
  const text = decoded(segment);
  // A JWS or JWE: its header is an object in base64url.
  if (holdsJws(text)) return true;
  // Random text: long without a break, or in both letter cases. Words and numbers with hyphens, and UUIDs, are neither.
  const runs = text.match(/[A-Za-z0-9+=]{20,}/g) ?? [];
  if (runs.some((run) => /\d/.test(run) && /[A-Za-z]/.test(run))) return true;
  return text.length >= 24 && mixesLetterCases(text);
}

/** By its parts: a pattern would go through a text of many beginnings once for each. */
function holdsJws(text: string): boolean {
  const parts = text.split(".");
  return parts.some((part, index) => {
    if (index + 2 >= parts.length || !/^[\w-]*$/.test(parts[index + 1] ?? "")) return false;
    return /eyJ[\w-]/.test(part.split(/[^\w-]/).at(-1) ?? "");
  });
}

/** As random text does, digits or none: in words written together few letters are capitals. */
function mixesLetterCases(text: string): boolean {
  const capitals = text.match(/[A-Z]/g)?.length ?? 0;
  const others = text.match(/[a-z]/g)?.length ?? 0;
  if (capitals === 0 || others === 0) return false;
  return /\d/.test(text) || (capitals > 0.3 * others && others > 0.3 * capitals);
}

/** As servers read it: percent-encoding is no disguise. */
function decoded(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
