/** What separates a cookie from the next for one parser or another, besides the semicolon: white space, commas, quotation marks. */
const betweenCookies = /[\s,"]/;

/** Names are compared as the loosest parsers do: in any letter case, percent-decoded, PHP's replacements made. */
export function looseName(name: string): string {
  return decoded(name.trim())
    .toLowerCase()
    .replace(/[ .[+]/g, "_");
}

/**
 * Whether a cookie's text (what stands between two semicolons) has, for some parser, a cookie of that name (as
 * looseName gives it) where RFC 6265 section 4.2 sees none: in another spelling, or within the value of another.
 *
 * Python's http.cookies ends a value at white space, parsers after RFC 2109 at a comma; ASP.NET ignores the letter
 * case of names, PHP and Rack decode them.
 */
export function hidesCookie(text: string, name: string, wanted: string): boolean {
  let from = 0;
  for (let at = text.indexOf("="); at !== -1; at = text.indexOf("=", from)) {
    const before = text.slice(from, at);
    const isFirst = from === 0;
    if (isFirst && before.trim() !== name && looseName(before) === wanted) return true;
    if (looseName(lastWord(before) ?? "") === wanted) return true;
    from = at + 1;
  }
  return false;
}

/** What stands behind the last separator; undefined if there is none. */
function lastWord(text: string): string | undefined {
  const words = text.trim().split(betweenCookies);
  return words.length > 1 ? words.at(-1) : undefined;
}

function decoded(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
