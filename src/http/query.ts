import { formOfText, looselySpelled, severalReadings, valuesInForm } from "./form-fields.ts";
import { hasMoreThan, maxThings } from "./max-things.ts";

const none: readonly string[] = [];

/** Characters that some servers take for the beginning of a query or of another field. */
const queryInPath = /;|%3B|%3F|%26|&/i;

/**
 * The values that the query string of a target has for a name: none, one, or several where servers may read it in
 * more than one way, or it has more than 1,000 fields: some servers stop there.
 */
export function queryValues(target: string, name: string): readonly string[] {
  return queryReader(target)(name);
}

/** Makes what gives those values, and takes the query apart once. */
export function queryReader(target: string): (name: string) => readonly string[] {
  if (hasMoreThan(maxThings - 1, target, "&;")) return () => severalReadings;
  const question = target.indexOf("?");
  const path = question === -1 ? target : target.slice(0, question);
  // A server that sees a query in the path finds names there.
  const inPath = queryInPath.test(path)
    ? formOfText(path.replace(/;|%3B|%3F|%26/gi, "&").replace(/%3D/gi, "="))
    : undefined;
  const query = question === -1 ? undefined : formOfText(target.slice(question + 1));
  return (name) => {
    if (inPath !== undefined && valuesInForm(inPath, name).length > 0) return severalReadings;
    return query === undefined ? none : valuesInForm(query, name);
  };
}

/** A target without some fields of its query; the rest stays as it was sent, byte for byte. */
export function withoutQueryFields(target: string, names: ReadonlySet<string>): string {
  const question = target.indexOf("?");
  if (question === -1) return target;
  const fields = target.slice(question + 1).split("&");
  // Decoding a name makes it no longer: what is shorter is none of them, and need not be decoded.
  const shortest = Math.min(...[...names].map((name) => name.length));
  const kept = fields.filter((field) => field.length < shortest || !names.has(nameOfField(field)));
  if (kept.length === fields.length) return target;
  const path = target.slice(0, question);
  return kept.length === 0 ? path : `${path}?${kept.join("&")}`;
}

/** Loosely spelled: what a lenient framework takes for the name goes, too. */
function nameOfField(field: string): string {
  const [[name] = [""]] = new URLSearchParams(field);
  return looselySpelled(name);
}
