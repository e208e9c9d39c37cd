import { type BodyFields, type BodySource, valuesOf } from "../http/body-fields.ts";
import { cookieValues, decodeCookieValue } from "../http/cookies.ts";
import type { HeaderList } from "../http/field-lines.ts";
import { looseValuesOf } from "../http/loose-fields.ts";
import { queryValues } from "../http/query.ts";
import { subprotocolValues } from "../http/subprotocols.ts";
import { behindScheme, hasOtherJwt, hasScheme } from "./scheme.ts";

/** A header that may carry a token. */
interface HeaderSource {
  readonly kind: "header";
  readonly name: string;
  /** In lower case; undefined: the token stands there alone. */
  readonly scheme: string | undefined;
  /** Schemes that another source reads in this header: what stands behind one is not this source's. */
  readonly except?: readonly string[] | undefined;
}

/** One place in which a client may send its token. */
export type CredentialSource =
  | HeaderSource
  | { readonly kind: "cookie"; readonly name: string; readonly scheme?: string | undefined }
  | QuerySource
  /** An item of `Sec-WebSocket-Protocol` (see subprotocolValues). */
  | { readonly kind: "webSocketProtocol"; readonly name: string }
  | PathSource
  | (BodySource & { readonly scheme?: string | undefined });

/** A field of the query string. */
export interface QuerySource {
  readonly kind: "query";
  readonly name: string;
}

/** A segment of the path: `/a/b` has `a` as the first. */
export interface PathSource {
  readonly kind: "path";
  readonly name: string;
  readonly segment: number;
}

/** What of a request may carry a token. */
export interface Sent {
  readonly headers: HeaderList;
  /** In origin form. */
  readonly target: string;
  /** Needed if one of the sources is in it. */
  readonly body?: { readonly fields: BodyFields } | undefined;
}

/** What the configured places of one request hold. */
export type CredentialReading =
  | { readonly kind: "found"; readonly credential: string }
  | { readonly kind: "missing" }
  | { readonly kind: "ambiguous" };

const missing: CredentialReading = { kind: "missing" };
const ambiguous: CredentialReading = { kind: "ambiguous" };
const noBody: BodyFields = { kind: "none" };

/**
 * Reads the token from the configured sources, first to last.
 *
 * A source that is given twice, or sources that carry different tokens, are ambiguous: it is never
 * decided which one the application would have believed. A spelling with underscores counts as
 * the same header. A header or cookie whose scheme is another one (`Basic …` if `Bearer` is configured) holds
 * no token, unless a JWT stands in such a header beside the token of another source: many applications look for a
 * token after any scheme. A body that can't be read is ambiguous, and so is what only some
 * applications would find in one and no source of `all` is for (see unreadFields).
 */
export function readCredential(
  sent: Sent,
  sources: readonly CredentialSource[],
  all = sources,
): CredentialReading {
  let found: string | undefined;
  for (const source of sources) {
    const values = valuesSent(source, sent);
    for (const value of values) {
      if (found !== undefined && (found !== value || values.length > 1)) return ambiguous;
      found = value;
    }
  }
  if (isReadElsewhere(sent, sources, all, found)) return ambiguous;
  if (found === undefined) return missing;
  return { kind: "found", credential: found };
}

/** Whether an application may go by something that no source has given. */
function isReadElsewhere(
  sent: Sent,
  sources: readonly CredentialSource[],
  all: readonly CredentialSource[],
  found: string | undefined,
): boolean {
  if (sent.body !== undefined && unreadFields(sent, sources, all).length > 0) return true;
  return found !== undefined && sources.length > 1 && hasUnreadJwt(sent, sources, found);
}

/**
 * What some application may read in the body as the field of one of these sources, and what is read from none of
 * `all`.
 */
export function unreadFields(
  sent: Sent,
  sources: readonly CredentialSource[],
  all = sources,
): readonly string[] {
  const fields = sent.body?.fields ?? noBody;
  const loose = sources
    .filter(isInBody)
    .flatMap((source) => looseValuesOf(fields, source).flatMap((value) => bare(value, source)));
  if (loose.length === 0) return loose;
  const read = new Set(all.flatMap((source) => valuesSent(source, sent)));
  return [...new Set(loose)].filter((value) => !read.has(value));
}

/** What stands behind the scheme of a source; all of it if it has another one. */
function bare(
  value: string,
  { scheme }: { readonly scheme?: string | undefined },
): readonly string[] {
  const behind = scheme === undefined ? [] : behindScheme(value, scheme);
  return behind.length > 0 ? behind : [value];
}

/** Whether a header for tokens has a JWT in it that is not the one found, whatever stands in front. */
function hasUnreadJwt(
  { headers }: Sent,
  sources: readonly CredentialSource[],
  found: string,
): boolean {
  return sources.some(
    (source) =>
      source.kind === "header" &&
      source.scheme !== undefined &&
      headers.allSpellings(source.name).some((value) => hasOtherJwt(value, found)),
  );
}

/** Whether a source is in the body of a request, which is then read before the request is forwarded. */
export function isInBody<Source extends { readonly kind: string }>(
  source: Source,
): source is Extract<Source, { readonly kind: BodySource["kind"] }> {
  return source.kind === "json" || source.kind === "form";
}

/** Whether a source is in the target of a request. */
export function isInTarget(source: { readonly kind: string }): source is QuerySource | PathSource {
  return source.kind === "query" || source.kind === "path";
}

/**
 * What stands in a header or cookie that tokens are sent in, in a scheme that is not read here: an application may
 * read a token in it.
 */
export function unreadValue(
  { headers }: Sent,
  sources: readonly CredentialSource[],
): string | undefined {
  const values = sources.flatMap((source) => {
    if (source.kind === "header") return headers.allSpellings(source.name);
    return source.kind === "cookie" ? cookieValues(headers, source.name) : [];
  });
  return values.find((value) => value.trim() !== "");
}

/** The values that a request has in one place: none, one, or several if it is ambiguous which is meant. */
export function valuesSent(source: CredentialSource, sent: Sent): readonly string[] {
  switch (source.kind) {
    case "header":
      return readHeader(sent.headers, source);
    case "cookie":
      return readCookie(sent.headers, source);
    case "query":
      return queryValues(sent.target, source.name);
    case "webSocketProtocol":
      return subprotocolValues(sent.headers, source.name);
    case "path":
      return segmentValues(sent.target, source.segment);
    default:
      return readField(sent.body?.fields ?? noBody, source);
  }
}

function readHeader(
  headers: HeaderList,
  { name, scheme, except }: HeaderSource,
): readonly string[] {
  const values = headers.allSpellings(name);
  if (values.length === 0) return values;
  if (scheme === undefined) {
    if (values.length > 1) return values;
    return values.filter(
      (value) => value !== "" && !except?.some((scheme) => hasScheme(value, scheme)),
    );
  }
  // A second Authorization is ambiguous even where its scheme is another: an application may read either.
  if (values.length > 1) return values;
  const [value] = values;
  return value === undefined ? values : behindScheme(value, scheme);
}

/** Frameworks write the space behind the scheme as it is, in quotation marks, or encoded. */
function readCookie(
  headers: HeaderList,
  { name, scheme }: { readonly name: string; readonly scheme?: string | undefined },
): readonly string[] {
  const values = cookieValues(headers, name);
  if (scheme === undefined || values.length > 1) return values;
  const [value] = values;
  if (value === undefined) return values;
  return behindScheme(decodeCookieValue(value).replace(/^([^ +]+)\+/, "$1 "), scheme);
}

function readField(
  fields: BodyFields,
  source: BodySource & { readonly scheme?: string | undefined },
): readonly string[] {
  const { scheme } = source;
  const values = valuesOf(fields, source);
  const [value] = values;
  if (scheme === undefined || value === undefined || values.length > 1) return values;
  return behindScheme(value, scheme);
}

/** A segment of the path, percent-decoded as routers hand it over. */
function segmentValues(target: string, segment: number): readonly string[] {
  const [path = ""] = target.split("?", 1);
  const sent = path.split("/")[segment];
  if (sent === undefined || sent === "") return [];
  try {
    return [decodeURIComponent(sent)];
  } catch {
    return ["", ""];
  }
}
