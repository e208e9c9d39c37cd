import type { HeaderList } from "./field-lines.ts";

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

/** The values that a request gives for a cookie, but for empty ones: none, one, or several. */
export function cookieValues(headers: HeaderList, name: string): readonly string[] {
  return headers
    .all("cookie")
    .flatMap(parseCookies)
    .flatMap((cookie) => (cookie.name === name && cookie.value ? [cookie.value] : []));
}

/** A Cookie header without some of its cookies; undefined if none is left. */
export function withoutCookies(header: string, names: ReadonlySet<string>): string | undefined {
  const cookies = parseCookies(header);
  const kept = cookies.filter(({ name }) => !names.has(name));
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
