import type { HeaderList } from "../http/field-lines.ts";
import { parseCompactJws } from "../token/compact-jws.ts";

/** A JWT in a request, and the source of `tokens.from` that would read it there. */
export interface FoundToken {
  readonly source: Readonly<Record<string, string>>;
  readonly credential: string;
}

const scheme = /^([A-Za-z][\w-]*)(?: +|%20|\+)(\S+)$/;
/** Parts that are looked at in one request: a head has room for thousands. */
const maxLookedAt = 200;

/** Finds the JWTs in the head of a request, wherever they stand: headers, cookies, query string. */
export function findTokens(headers: HeaderList, target: string): FoundToken[] {
  const places = [...headerPlaces(headers), ...queryPlaces(target)];
  return places.slice(0, maxLookedAt).flatMap(({ source, value }) => {
    const [, named, rest = ""] = scheme.exec(value) ?? [];
    if (named !== undefined && parseCompactJws(rest) !== undefined) {
      return [{ source: { ...source, scheme: named }, credential: rest }];
    }
    return parseCompactJws(value) === undefined ? [] : [{ source, credential: value }];
  });
}

interface Place {
  readonly source: Readonly<Record<string, string>>;
  readonly value: string;
}

function headerPlaces({ names, raw }: HeaderList): Place[] {
  return names.flatMap((name, index) => {
    const value = raw[2 * index + 1] ?? "";
    return name === "cookie" ? cookiePlaces(value) : [{ source: { header: name }, value }];
  });
}

function cookiePlaces(header: string): Place[] {
  return header.split(";").map((cookie) => {
    const [name = "", ...value] = cookie.split("=");
    return {
      source: { cookie: name.trim() },
      value: value
        .join("=")
        .trim()
        .replace(/^"(.*)"$/, "$1"),
    };
  });
}

function queryPlaces(target: string): Place[] {
  const question = target.indexOf("?");
  if (question === -1) return [];
  const fields = [...new URLSearchParams(target.slice(question + 1))];
  return fields.map(([name, value]) => ({ source: { query: name }, value }));
}
