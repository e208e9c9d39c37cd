import {
  describeSettings,
  type JsonSchema,
  type SettingDescription,
} from "../../src/config/json-schema.ts";

const introduction = `# Configuration

Every setting. Written by \`npm run docs\` from the schema that revgate reads its configuration by; do not edit.

One YAML file, by default \`revgate.yaml\`, or what \`--config\` or \`REVGATE_CONFIG\` names. Durations have a unit
(\`150ms\`, \`5s\`, \`10m\`, \`3d\`). \`\${NAME}\` and \`\${NAME:-default}\` take values from the environment. Paths of
files are relative to the configuration. Unknown settings are errors; \`revgate check-config\` names every mistake with
its line and column. [\`config.example.yaml\`](../config.example.yaml) is the same as a file, and says more of why one
would change a setting. \`[]\` stands for each item of a list.

With the first line of a configuration being

    # yaml-language-server: $schema=config.schema.json

editors complete and check it by [\`config.schema.json\`](../config.schema.json).

A change of the file, or of one that it names, is taken on while revgate runs. \`listen.host\`, \`listen.port\`,
\`admin.host\`, \`admin.port\`, \`limits.headerBytes\`, \`denylist\`, and whether there is \`listen.tls\`, need a restart.
`;

/** docs/configuration.md: every setting in a table, a group a section. */
export function configurationPage(): string {
  const settings = describeSettings();
  const sections = settings.filter(isGroup).map((group) => {
    const inner = settings.filter(
      (setting) => isShown(setting) && setting.path.startsWith(group.path) && setting !== group,
    );
    const table = ["| setting | takes | default | |", "|---|---|---|---|", ...inner.map(row)];
    return `## ${group.path}\n\n${group.about?.meaning}\n\n${table.join("\n")}\n`;
  });
  return [introduction, ...sections].join("\n");
}

function isGroup({ path }: SettingDescription): boolean {
  return !/[.[]/.test(path);
}

/** Items of lists say nothing by themselves; the names of errors are in errors.md. */
function isShown({ path }: SettingDescription): boolean {
  return !path.endsWith("]") && !path.startsWith("errors.messages.");
}

function row({ path, schema, about }: SettingDescription): string {
  const cells = [`\`${path}\``, takes(schema), defaultOf(schema), about?.meaning ?? ""];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function takes(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(", ");
  if (schema.description) return schema.description;
  if (schema.type === "array") return `a list: ${takes(schema.items as JsonSchema)}`;
  if (schema.type === "boolean") return "`true` or `false`";
  return schema.properties === undefined ? "names and values" : "settings";
}

function defaultOf({ default: value, type, properties }: JsonSchema): string {
  if (value === undefined || (type === "object" && properties !== undefined)) return "";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}
