import type { UnknownOutcome } from "../denylist/denylist.ts";
import { type BodyFields, isJson, readResponseFields, valuesOf } from "../http/body-fields.ts";
import { HeaderList } from "../http/field-lines.ts";
import { looseValuesOf } from "../http/loose-fields.ts";
import { claimAt, claimText } from "../token/claims.ts";
import { parseCompactJws } from "../token/compact-jws.ts";
import { isInBody, isInTarget, valuesSent } from "../token/credential.ts";
import type { Name, Names } from "../token/names.ts";
import type { HeldResponse } from "../upstream/held-response.ts";
import type { NamedSubject, Route, SubjectSource } from "./route.ts";
import type { Visit } from "./visit.ts";

/** What a revocation calls a subject; undefined where it was to be named and could not be found. */
export type SubjectName = Name | undefined;

const noBody: BodyFields = { kind: "none" };

/** A subject that the request alone names. */
export interface SubjectInRequest {
  readonly name: SubjectName;
  /** What becomes of its tokens if the outcome at the application is unknown. */
  readonly ifUnknown: UnknownOutcome;
}

/** Stands for one whom the request should name, and does not. */
export const nobody: SubjectInRequest = { name: undefined, ifUnknown: "keep" };

type ResponseSource = { readonly kind: "responseHeader" | "responseJson" };

/** The subjects that a request names, on a route that is reached without a token of theirs. */
export function subjectsInRequest(
  { subjectsFrom = [] }: Route,
  visit: Visit,
  names: Names,
): readonly SubjectInRequest[] {
  return subjectsFrom.flatMap(({ source, claim, namespace, ifUnknown }) => {
    if (!isInRequest(source)) return [];
    const sent = valuesWidely(source, visit);
    const values = claim === undefined ? sent : sent.map((text) => claimOf(text, claim));
    return [{ name: nameOf(values, namespace, names), ifUnknown }];
  });
}

/** Revocations apply widely: what only some applications find in the body is named, too. */
function valuesWidely(
  source: Exclude<SubjectSource, ResponseSource>,
  visit: Visit,
): readonly string[] {
  const values = valuesSent(source, visit);
  if (values.length > 0 || visit.body === undefined || !isInBody(source)) return values;
  return looseValuesOf(visit.body.fields, source);
}

/** Whether a subject is named by the request alone. */
export function isInRequest(
  source: SubjectSource,
): source is Exclude<SubjectSource, ResponseSource> {
  return isInBody(source) || isInTarget(source);
}

/** A claim of a token that was not verified, as any other text of the request; empty if there is none. */
function claimOf(token: string, claim: string): string {
  const payload = parseCompactJws(token)?.payload;
  return (payload && claimText(claimAt(payload, claim))) ?? "";
}

/** Whether a route waits for the application to name a subject. */
export function namesSubjectsInResponse({ subjectsFrom = [] }: Route): boolean {
  return subjectsFrom.some(({ source }) => !isInRequest(source));
}

/**
 * The subjects that the application names in its response.
 *
 * Its body is read where it says that it is JSON, up to `bodyBytes`: no other has to wait.
 */
export async function subjectsInResponse(
  { subjectsFrom = [] }: Route,
  response: HeldResponse,
  { bodyBytes, names }: { readonly bodyBytes: number; readonly names: Names },
): Promise<readonly SubjectName[]> {
  const named = subjectsFrom.filter(({ source }) => !isInRequest(source));
  const headers = new HeaderList(response.headers);
  const inBody = named.some(({ source }) => source.kind === "responseJson") && isJson(headers);
  const body = inBody ? await response.readBody(bodyBytes) : undefined;
  const fields = body === undefined ? noBody : readResponseFields(body);
  return named.map((subject) => nameInResponse(subject, { headers, fields }, names));
}

function nameInResponse(
  { source, namespace }: NamedSubject,
  { headers, fields }: { readonly headers: HeaderList; readonly fields: BodyFields },
  names: Names,
): SubjectName {
  if (source.kind === "responseHeader") return nameOf(headers.all(source.name), namespace, names);
  if (source.kind !== "responseJson") return undefined;
  return nameOf(valuesOf(fields, { kind: "json", pointer: source.pointer }), namespace, names);
}

/** Two values name no subject. */
function nameOf(
  [value, ...more]: readonly string[],
  namespace: string | undefined,
  names: Names,
): SubjectName {
  return value && more.length === 0 ? names.claim("sub", namespace, value) : undefined;
}
