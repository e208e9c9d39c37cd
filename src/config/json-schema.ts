import { z } from "zod";
import { configSchema } from "./schema.ts";
import type { About } from "./settings/readers.ts";

/** A JSON Schema (draft 2020-12), or a part of one. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** One setting, as documentation and editors show it. */
export interface SettingDescription {
  /** Names joined by dots; `[]` behind a list stands for its items. */
  readonly path: string;
  readonly schema: JsonSchema;
  /** Undefined for items of lists alone; a test holds that. */
  readonly about: About | undefined;
  /** Whether a configuration must have it. */
  readonly required: boolean;
}

const aboutKeys = ["meaning", "why", "example", "moreExamples"] as const satisfies (keyof About)[];

const environmentReference: JsonSchema = {
  type: "string",
  pattern: "\\$\\{[A-Z_][A-Z0-9_]*(:-[^}]*)?\\}",
};

/** The schema of the configuration as it is written, with what each setting is for. */
export function configJsonSchema(): JsonSchema {
  const schema = plainSchema();
  for (const { path, schema: setting, about } of settingsIn(schema)) {
    setting.description = [about?.meaning, setting.description].filter(Boolean).join(" Expects ");
    if (path.endsWith("]")) delete setting.description;
    for (const key of aboutKeys) delete setting[key];
    letEnvironmentIn(setting);
  }
  return { title: "revgate", ...schema };
}

/** All settings, groups and items of lists before what is in them. */
export function describeSettings(): SettingDescription[] {
  return settingsIn(plainSchema());
}

function plainSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" });
}

function settingsIn(schema: JsonSchema, path = "", required = false): SettingDescription[] {
  const own = path === "" ? [] : [{ path, schema, about: aboutOf(schema), required }];
  if (schema.type === "array") {
    return [...own, ...settingsIn(schema.items as JsonSchema, `${path}[]`)];
  }
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, setting]) =>
    settingsIn(
      setting as JsonSchema,
      path === "" ? name : `${path}.${name}`,
      schema.required?.includes(name) ?? false,
    ),
  );
  return [...own, ...inner];
}

function aboutOf(schema: JsonSchema): About | undefined {
  return typeof schema["meaning"] === "string" ? (schema as unknown as About) : undefined;
}

/** A value may also be `${NAME}`, wherever it is not any text that is allowed. */
function letEnvironmentIn(setting: JsonSchema): void {
  const { type, pattern, enum: words, minimum, maximum, minLength } = setting;
  if (type === "array" || type === "object") return;
  if (type === "string" && pattern === undefined && words === undefined) return;
  const literal = { type, pattern, enum: words, minimum, maximum, minLength };
  for (const name of Object.keys(literal)) delete setting[name];
  const given = Object.entries(literal).filter(([, value]) => value !== undefined);
  setting.anyOf = [Object.fromEntries(given), environmentReference];
}
