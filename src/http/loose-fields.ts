import type { BodyFields, BodySource } from "./body-fields.ts";
import type { FormFields } from "./form-fields.ts";
import { stepsOf } from "./json-pointer.ts";
import { folded } from "./repeated-members.ts";

const none: readonly string[] = [];

/**
 * The values that some application may read for a field of a request's body, those that valuesOf finds among them:
 * under its name in any letter case, in JSON where a form was meant and the reverse, and within a list.
 *
 * Go's encoding/json, Newtonsoft.Json and ASP.NET ignore the letter case of members; Django REST framework, Rails
 * and Laravel take forms and JSON alike; many a lookup takes a list of one for the one.
 */
export function looseValuesOf(fields: BodyFields, source: BodySource): readonly string[] {
  const steps = source.kind === "json" ? stepsOf(source.pointer) : stepsOfField(source.name);
  switch (fields.kind) {
    case "json":
      return textsIn(looselyAt(fields.value, steps));
    case "form":
    case "multipart":
      return valuesAt(fields.form.loose(), steps);
    default:
      return none;
  }
}

/** What is found by names (see stepsOf) for an application that ignores their letter case. */
export function looselyAt(value: unknown, steps: readonly string[]): unknown {
  let at = value;
  for (const step of steps) {
    const name = folded(step);
    if (typeof at !== "object" || at === null) return undefined;
    at = Array.isArray(at) ? itemAt(at, step) : memberAt(at, name);
  }
  return at;
}

/** Indexes have one spelling. */
function itemAt(list: readonly unknown[], step: string): unknown {
  return Object.hasOwn(list, step) ? list[Number(step)] : undefined;
}

function memberAt(value: object, name: string): unknown {
  return Object.entries(value).find(([each]) => folded(each) === name)?.[1];
}

function textsIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value === "number") return [String(value)];
  return typeof value === "string" && value !== "" ? [value] : none;
}

/** Frameworks put the last name of the way alone into a form, or the whole way (`a[b]`, `a.b`). */
function valuesAt(fields: FormFields, steps: readonly string[]): readonly string[] {
  const last = comparable(steps.slice(-1));
  const whole = comparable(steps);
  return fields.flatMap(([name, value]) => {
    if (value === "") return none;
    const written = comparable(stepsOfField(name));
    return written === last || written === whole ? [value] : none;
  });
}

/** The names that a field's name is put together from: `a[b][]` has `a` and `b`. */
function stepsOfField(name: string): readonly string[] {
  const steps = name.split(/[[\].]/).filter((step) => step !== "");
  return steps.length === 0 ? [name] : steps;
}

function comparable(steps: readonly string[]): string {
  return folded(steps.map((step) => step.trim().replaceAll(" ", "_")).join("."));
}
