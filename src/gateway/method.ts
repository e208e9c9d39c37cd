import { type HeaderList, spelledWithHyphens } from "../http/field-lines.ts";
import { looseValuesOf } from "../http/loose-fields.ts";
import { overrideHeaders } from "../http/method-override.ts";
import { queryValues } from "../http/query.ts";
import type { Sent } from "../token/credential.ts";

/** The field of the query or of a body by which they do (Rails, Laravel, Symfony, method-override). */
const overrideField = "_method";
/** That name in a target, its letters encoded or not: most targets are spared the rest. */
const methodInTarget = /(?:m|%[46]d)(?:e|%[46]5)(?:t|%[57]4)(?:h|%[46]8)(?:o|%[46]f)(?:d|%[46]4)/i;

/** No client means more methods at once. */
const maxReadings = 16;

/** Stands for an unknown method, which may be any. */
export const anyMethod = "*";
/** Stands for what the body may name as long as it has not been read, or if it can't be. */
export const methodInBody = "?";

/**
 * Every method an application might take a request to have: the one it was sent with first.
 *
 * Frameworks that read several in a header take the first or the last. They read bodies of POST alone.
 */
export function methodReadings(method: string, sent: Sent): readonly string[] {
  const { headers, target } = sent;
  const readings = [method];
  for (const [index, name] of headers.names.entries()) {
    if (!name.startsWith("x")) continue;
    if (overrideHeaders.includes(spelledWithHyphens(name))) {
      readings.push(...(headers.raw[2 * index + 1] ?? "").split(",").map(normalized));
    }
  }
  if (methodInTarget.test(target)) readings.push(...methodsIn(queryValues(target, overrideField)));
  if (method === "POST" && mayNameMethod(headers)) readings.push(...methodsInBody(sent));
  return readings.length > maxReadings ? [method, anyMethod] : readings;
}

/** Whether there is a body in which a framework looks for fields: a form, JSON, or one that does not say what it is. */
function mayNameMethod(headers: HeaderList): boolean {
  const lengths = headers.all("content-length");
  const hasBody = headers.has("transfer-encoding") || lengths.some((length) => Number(length) > 0);
  if (!hasBody) return false;
  const types = headers.allSpellings("content-type");
  return types.length === 0 || types.some((type) => /form|multipart|json/i.test(type));
}

function methodsInBody({ body }: Sent): readonly string[] {
  if (body === undefined || body.fields.kind === "unreadable") return [methodInBody];
  return looseValuesOf(body.fields, { kind: "form", name: overrideField }).map(normalized);
}

function methodsIn(values: readonly string[]): readonly string[] {
  return values.length > 1 ? [anyMethod] : values.map(normalized);
}

function normalized(method: string): string {
  return method.trim().toUpperCase();
}
