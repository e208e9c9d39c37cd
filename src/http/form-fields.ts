import { folded } from "./repeated-members.ts";

/** The fields of a form as one parser reads them: name and value, in order. */
export type FormFields = readonly (readonly [name: string, value: string])[];

/** Two values that differ from all others stand for "nobody can tell which is meant". */
export const severalReadings: readonly string[] = ["", ""];

/**
 * The values that `a=b&c=d` (a form or a query string) has for a name: none, one, or several.
 *
 * Frameworks differ on `;` between fields, on `name[]`, and on spaces and dots in names; where that makes a
 * difference, there are several. An empty value counts as none.
 */
export function valuesInText(text: string, name: string): readonly string[] {
  const strict = new URLSearchParams(text).getAll(name);
  return agreedValues(strict, fieldsInText(text), name);
}

/** All fields of such a text, those behind a `;` among them. */
export function fieldsInText(text: string): FormFields {
  return [...new URLSearchParams(text.replaceAll(";", "&"))];
}

/** The same for fields that have been told apart already. */
export function valuesInFields(fields: FormFields, name: string): readonly string[] {
  const strict = fields.flatMap(([written, value]) => (written === name ? [value] : []));
  return agreedValues(strict, fields, name);
}

function agreedValues(strict: readonly string[], all: FormFields, name: string): readonly string[] {
  const spelled = looselySpelled(name);
  const loose = all.filter(([written]) => looselySpelled(written) === spelled);
  const agreed =
    loose.length === strict.length && loose.every(([, value], i) => value === strict[i]);
  if (!agreed) return severalReadings;
  return strict.length === 1 && strict[0] === "" ? [] : strict;
}

/** A field's name as the most lenient framework compares it. */
export function looselySpelled(name: string): string {
  const [plain = ""] = name.split("[", 1);
  return folded(plain.split("\0", 1)[0]?.trim() ?? "").replace(/[ .]/g, "_");
}
