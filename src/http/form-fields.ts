import { folded } from "./repeated-members.ts";

/** The fields of a form as one parser reads them: name and value, in order. */
export type FormFields = readonly (readonly [name: string, value: string])[];

/** Two values that differ from all others stand for "it is unknown which is meant". */
export const severalReadings: readonly string[] = ["", ""];

/** A form or a query string, which is taken apart once, if at all, however many names are asked for. */
export interface Form {
  /** As the standard says. */
  readonly strict: () => FormFields;
  /** All fields that some framework sees, those behind a `;` among them. */
  readonly loose: () => FormFields;
  /** Their names as looselySpelled has them, in the same order. */
  readonly spelled: () => readonly string[];
}

/** One of a text such as `a=b&c=d`. */
export function formOfText(text: string): Form {
  const strict = once(() => [...new URLSearchParams(text)]);
  const loose = () => [...new URLSearchParams(text.replaceAll(";", "&"))];
  return formOf(strict, text.includes(";") ? loose : strict);
}

/** One whose fields have been told apart already. */
export function formOfFields(fields: FormFields): Form {
  return formOf(
    () => fields,
    () => fields,
  );
}

function formOf(strict: () => FormFields, readLoose: () => FormFields): Form {
  const loose = once(readLoose);
  return {
    strict: once(strict),
    loose,
    spelled: once(() => loose().map(([name]) => looselySpelled(name))),
  };
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * The values that a form has for a name: none, one, or several.
 *
 * Frameworks differ on `;` between fields, on `name[]`, and on spaces and dots in names; where that makes a
 * difference, there are several. An empty value counts as none.
 */
export function valuesInForm({ strict, loose, spelled }: Form, name: string): readonly string[] {
  const meant = strict().flatMap(([written, value]) => (written === name ? [value] : []));
  const wanted = looselySpelled(name);
  const names = spelled();
  const alike = loose().filter((_field, at) => names[at] === wanted);
  const agreed = alike.length === meant.length && alike.every(([, value], i) => value === meant[i]);
  if (!agreed) return severalReadings;
  return meant.length === 1 && meant[0] === "" ? [] : meant;
}

/** A field's name as the most lenient framework compares it. */
export function looselySpelled(name: string): string {
  const [plain = ""] = name.split("[", 1);
  return folded(plain.split("\0", 1)[0]?.trim() ?? "").replace(/[ .]/g, "_");
}
