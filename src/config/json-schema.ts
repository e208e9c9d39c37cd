import { z } from "zod";
import { meaningOf } from "./meanings.ts";
import { configSchema } from "./schema.ts";

/** A JSON Schema (draft 2020-12), or a part of one. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** One setting, as documentation and editors show it. */
export interface SettingDescription {
  /** Names joined by dots; `[]` behind a list stands for its items. */
  readonly path: string;
  readonly schema: JsonSchema;
  readonly meaning: string | undefined;
}

const environmentReference: JsonSchema = {
  type: "string",
  pattern: "\\$\\{[A-Z_][A-Z0-9_]*(:-[^}]*)?\\}",
};

/** The schema of the configuration as it is written, with what each setting is for. */
export function configJsonSchema(): JsonSchema {
  const schema = plainSchema();
  for (const { path, schema: setting, meaning } of settingsIn(schema)) {
    setting.description = [meaning, setting.description].filter(Boolean).join(" Expects ");
    if (path.endsWith("]")) delete setting.description;
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

function settingsIn(schema: JsonSchema, path = ""): SettingDescription[] {
  const own = path === "" ? [] : [{ path, schema, meaning: meaningOf(path) }];
  if (schema.type === "array") {
    return [...own, ...settingsIn(schema.items as JsonSchema, `${path}[]`)];
  }
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, setting]) =>
    settingsIn(setting as JsonSchema, path === "" ? name : `${path}.${name}`),
  );
  return [...own, ...inner];
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
