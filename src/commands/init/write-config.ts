import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { configJsonSchema } from "../../config/json-schema.ts";
import { loadConfig } from "../../config/load.ts";
import { ConfigError, UsageError } from "../../errors.ts";

/** Writes a configuration that can be used, and its schema beside it. What can't be used replaces nothing. */
export async function writeConfiguration(
  file: string,
  text: string,
  { isSecret, env }: { readonly isSecret: boolean; readonly env: NodeJS.ProcessEnv },
): Promise<void> {
  const draft = `${file}.new`;
  await rm(draft, { force: true });
  // Not through what somebody else has put there meanwhile; and for its owner alone if it holds a secret.
  await writeFile(draft, text, { flag: "wx", ...(isSecret && { mode: 0o600 }) });
  try {
    await loadConfig(draft, env);
  } catch (error) {
    await rm(draft);
    throw error instanceof ConfigError ? new UsageError(problemsOf(error)) : error;
  }
  await rename(draft, file);
  const schema = `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`;
  await writeFile(join(dirname(resolve(file)), "config.schema.json"), schema);
}

/** What is wrong, without the places in a file that no one has seen. */
function problemsOf({ problems }: ConfigError): string {
  return problems.map((problem) => problem.replace(/^\S+:\d+:\d+ /, "")).join("; ");
}
