import type { HeaderList } from "./field-lines.ts";
import { hidesCookie, looseName } from "./loose-cookies.ts";
import { hasMoreThan, maxThings } from "./max-things.ts";

/** One cookie of a Cookie header (RFC 6265 section 4.2). */
interface Cookie {
  readonly name: string;
  /** Without quotation marks around it; undefined if there is no `=`. */
  readonly value: string | undefined;
  /** As it was sent. */
  readonly text: string;
}

function parseCookies(header: string): Cookie[] {
  return header.split(";").map((text) => {
    const equals = text.indexOf("=");
    if (equals === -1) return { name: text.trim(), value: undefined, text };
    return {
      name: text.slice(0, equals).trim(),
      value: unquote(text.slice(equals + 1).trim()),
      text,
    };
  });
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"')
    ? value.slice(1, -1)
    : value;
}

/** What stands for a cookie of which parsers differ: it is unknown which of two an application would take. */
const unclear: readonly string[] = ["", ""];

/**
 * The values that a request gives for a cookie, but for empty ones: none, one, or several; several as well if some
 * parser would find one where others do not (see hidesCookie), or there are more than 1,000 of any name.
 */
export function cookieValues(headers: HeaderList, name: string): readonly string[] {
  const lines = headers.all("cookie");
  if (hasTooMany(lines.join(";"))) return unclear;
  const cookies = lines.flatMap(parseCookies);
  const wanted = looseName(name);
  if (cookies.some(({ text }) => hidesCookie(text, name, wanted))) return unclear;
  return cookies.flatMap((cookie) => (cookie.name === name && cookie.value ? [cookie.value] : []));
}

/** Each has a name and a value; after each "=" parsers look for one more. */
function hasTooMany(header: string): boolean {
  return hasMoreThan(2 * maxThings - 1, header, ";=");
}

/** The values that an answer gives a cookie; a line that takes the cookie away gives it none. */
export function setCookieValues(headers: HeaderList, name: string): readonly string[] {
  return headers.all("set-cookie").flatMap((line) => {
    const [cookie, ...attributes] = parseCookies(line);
    const isGiven = cookie?.name === name && cookie.value && !takeAway(attributes);
    return isGiven ? [cookie.value] : [];
  });
}

/** Clocks may be that far apart: what takes a cookie away names a moment of long ago. */
const longAgoMs = 3_600_000;

/**
 * Whether attributes of Set-Cookie end the cookie at once, as in `token=deleted; Max-Age=0`. Max-Age counts before Expires,
 * and of several the last (RFC 6265 section 5.3).
 */
function takeAway(attributes: readonly Cookie[]): boolean {
  const last = (wanted: string) =>
    attributes.findLast(({ name }) => name.toLowerCase() === wanted)?.value;
  const maxAge = last("max-age");
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return Number(maxAge) <= 0;
  // Some write hyphens between day, month and year.
  const expires = last("expires")?.replaceAll("-", " ") ?? "";
  return Date.parse(expires) < Date.now() - longAgoMs;
}

/**
 * A Cookie header without some of its cookies, however a parser may find them; undefined if none is left, or there are so
 * many that cookieValues looks at none.
 */
export function withoutCookies(header: string, names: ReadonlySet<string>): string | undefined {
  if (names.size > 0 && hasTooMany(header)) return undefined;
  const cookies = parseCookies(header);
  const hides = (text: string) =>
    [...names].some((name) => hidesCookie(text, name, looseName(name)));
  const kept = cookies.filter(({ name, text }) => !names.has(name) && !hides(text));
  if (kept.length === cookies.length) return header;
  return kept.length === 0
    ? undefined
    : kept
        .map(({ text }) => text)
        .join(";")
        .trim();
}

/** A cookie's value as most frameworks read it: percent-encoding is one more way to spell a token. */
export function decodeCookieValue(value: string): string {
  if (!value.includes("%")) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
