import { stringify } from "yaml";
import { describeSettings, type SettingDescription } from "../../src/config/json-schema.ts";

const width = 100;

const introduction = `# yaml-language-server: $schema=config.schema.json
# Every setting of revgate, with its default and why one would change it. Written by npm run docs.
# A line that starts with a number sign and no space is a setting without a default, or a further
# example: take the sign away to use it.
#
# Durations have a unit: 150ms, 5s, 10m, 3d. \${NAME} and \${NAME:-default} take values from the
# environment (names in upper case). Paths of files are relative to this file. Unknown settings are
# errors; \`revgate check-config\` names every mistake with its line and column.
`;

/** Where a setting is written: how far in, and whether inside a group that is commented out. */
interface Place {
  readonly indent: string;
  readonly hidden: boolean;
}

/** config.example.yaml: every setting with its default, its meaning and why one would change it. */
export function configExample(): string {
  const settings = describeSettings();
  const groups = childrenOf("", settings).map((setting) =>
    linesOf(setting, settings, { indent: "", hidden: false }),
  );
  return [introduction, ...groups.map((lines) => `${lines.join("\n")}\n`)].join("\n");
}

type Settings = readonly SettingDescription[];

function childrenOf(path: string, settings: Settings): Settings {
  const start = path === "" ? "" : `${path}.`;
  return settings.filter(
    (setting) =>
      setting.path.startsWith(start) && /^[^.[]+$/.test(setting.path.slice(start.length)),
  );
}

function linesOf(setting: SettingDescription, settings: Settings, place: Place): string[] {
  const { path, schema, about, required } = setting;
  const shown = about?.example ?? schema.default;
  const isActive = !place.hidden && (required || schema.default !== undefined);
  const name = `${isActive ? "" : "#"}${nameOf(path)}:`;
  const items = childrenOf(`${path}[]`, settings);
  const head = [...comment(said(setting), place.indent), ...items.flatMap(explain(place.indent))];
  if (items.length > 0) return [...head, ...listLines(setting, name, place.indent)];
  const inner = about?.example === undefined ? childrenOf(path, settings).filter(isShown) : [];
  if (inner.length === 0) return [...head, `${place.indent}${name} ${flow(shown ?? {})}`];
  const below = { indent: `${place.indent}  `, hidden: !isActive };
  return [
    ...head,
    `${place.indent}${name}`,
    ...inner.flatMap((child) => linesOf(child, settings, below)),
  ];
}

/** A list of groups: its example, then further ones, commented out. */
function listLines({ about, schema }: SettingDescription, name: string, indent: string): string[] {
  const items = (about?.example ?? schema.default ?? []) as readonly unknown[];
  const further = about?.moreExamples ?? [];
  const lines = [
    ...items.map((item) => `${indent}  - ${flow(item)}`),
    ...further.map((item) => `${indent}  #- ${flow(item)}`),
  ];
  if (items.length > 0) return [`${indent}${name}`, ...lines];
  // With every item commented out, the list would have no value.
  return further.length === 0
    ? [`${indent}${name} []`]
    : [`${indent}#${name.replace(/^#/, "")}`, ...lines];
}

/** What the settings of a list's items are for. */
function explain(indent: string): (item: SettingDescription) => string[] {
  return (item) =>
    wrap(`${nameOf(item.path)}: ${said(item)}`, width - indent.length - 6).map(
      (line, index) => `${indent}#   ${index === 0 ? "" : "  "}${line}`,
    );
}

function comment(text: string, indent: string): string[] {
  return wrap(text, width - indent.length - 2).map((line) => `${indent}# ${line}`);
}

function said({ about }: SettingDescription): string {
  return [about?.meaning, about?.why].filter(Boolean).join(" ");
}

/** The texts of single errors are not settings to choose from: docs/errors.md has their names. */
function isShown({ path }: SettingDescription): boolean {
  return !/^errors\.(?:messages|status|codes)\./.test(path);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

function wrap(text: string, max: number): string[] {
  const lines: string[] = [];
  // What stands in braces is an example to copy: it is not broken.
  for (const word of text.match(/\{ [^{}]* \}\S*|\S+/g) ?? []) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > max) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

/** A value on one line. */
function flow(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", flowCollectionPadding: true, lineWidth: 0 })
    .trimEnd()
    .replace(/\[ /g, "[")
    .replace(/ \]/g, "]");
}
