import { type BodyFields, type BodySource, valuesOf } from "../http/body-fields.ts";
import { cookieValues } from "../http/cookies.ts";
import type { HeaderList } from "../http/field-lines.ts";

/** One place in which a client may send its token. */
export type CredentialSource =
  | { readonly kind: "header"; readonly name: string; readonly scheme: string | undefined }
  | { readonly kind: "cookie"; readonly name: string }
  | BodySource;

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
 * the same header. A header whose scheme is another one (`Basic …` where `Bearer` is configured) holds
 * no token. `body` is needed where one of the sources is in it; a body that can't be read is ambiguous.
 */
export function readCredential(
  headers: HeaderList,
  sources: readonly CredentialSource[],
  body: BodyFields = noBody,
): CredentialReading {
  let found: string | undefined;
  for (const source of sources) {
    const values = valuesFrom(source, headers, body);
    for (const value of values) {
      if (found !== undefined && (found !== value || values.length > 1)) return ambiguous;
      found = value;
    }
  }
  return found === undefined ? missing : { kind: "found", credential: found };
}

/** Whether a source is in the body of a request, which is then read before the request is forwarded. */
export function isInBody(source: { readonly kind: string }): source is BodySource {
  return source.kind === "json" || source.kind === "form";
}

function valuesFrom(
  source: CredentialSource,
  headers: HeaderList,
  body: BodyFields,
): readonly string[] {
  if (source.kind === "header") return readHeader(headers, source);
  return source.kind === "cookie" ? cookieValues(headers, source.name) : valuesOf(body, source);
}

function readHeader(
  headers: HeaderList,
  { name, scheme }: { name: string; scheme: string | undefined },
): readonly string[] {
  const values = headers.allSpellings(name);
  if (values.length === 0) return values;
  if (scheme === undefined)
    return values.length > 1 ? values : values.filter((value) => value !== "");
  // A second Authorization is ambiguous even where its scheme is another: an application may read either.
  if (values.length > 1) return values;
  return values.map((value) => afterScheme(value, scheme)).filter((value) => value !== undefined);
}

function afterScheme(value: string, scheme: string): string | undefined {
  const space = value.indexOf(" ");
  if (space === -1) return undefined;
  // Scheme names are case-insensitive (RFC 9110 section 11.1); one or more spaces may follow.
  if (value.slice(0, space).toLowerCase() !== scheme) return undefined;
  const credential = value.slice(space).trim();
  return credential === "" ? undefined : credential;
}
