import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "../errors.ts";
import type { CommandIo } from "./io.ts";

/** Where the configuration is when nothing says otherwise. */
export const defaultConfigFile = "revgate.yaml";

/** The lines of help that every command with a configuration shares. */
export const configOptionHelp = `  -c, --config FILE   the configuration (default: $REVGATE_CONFIG, else ${defaultConfigFile})`;

const configOption = { config: { type: "string", short: "c" } } as const;

/** Reads a command's arguments; UsageError where they are not what it takes. */
export function readArguments<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: Options,
  maxPositionals: number,
) {
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...configOption, ...options },
      allowPositionals: true,
    });
    const surplus = parsed.positionals[maxPositionals];
    if (surplus !== undefined) throw new TypeError(`Unexpected argument '${surplus}'`);
    return parsed;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** The configuration that a command line, the environment or the default names. */
export function configFile(values: { config?: string | undefined }, io: CommandIo): string {
  return values.config ?? io.env["REVGATE_CONFIG"] ?? defaultConfigFile;
}

/** A credential, from where it is safest: standard input, or a file; from the arguments only because people will. */
export async function readCredentialArgument(
  { file }: { file?: string | undefined },
  positional: string | undefined,
  io: CommandIo,
): Promise<string> {
  const given = await readGiven(file, positional, io);
  const credential = given.trim().replace(/^bearer\s+/i, "");
  if (credential === "") throw new UsageError("no token: give it on standard input or with --file");
  return credential;
}

async function readGiven(
  file: string | undefined,
  positional: string | undefined,
  io: CommandIo,
): Promise<string> {
  if (file !== undefined) return readTextFile(file);
  if (positional !== undefined && positional !== "-") return positional;
  return text(io.stdin);
}

/** Reads a file that the command line names. */
export async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
