import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { UsageError } from "../../errors.ts";
import { defaultConfigFile, readArguments } from "../arguments.ts";
import { type Command, type CommandIo, type ExitCode, exitCodes, print } from "../io.ts";
import type { BaseFacts } from "./facts.ts";
import { type Framework, frameworks } from "./frameworks.ts";
import { deriveConfig } from "./from-observed.ts";
import { readKeyFact } from "./key-fact.ts";
import { questions } from "./questions.ts";
import { starterConfig } from "./starter-config.ts";
import { writeConfiguration } from "./write-config.ts";

/** `revgate init`. */
export const init: Command = {
  help: `Usage: revgate init [options]
       revgate init --framework NAME [options]
       revgate init --from observed.json [--config FILE] [options]

Asks for what no option says if standard input is a terminal, and takes the default otherwise; "-" means
none. Writes a commented configuration that check-config accepts, and beside it config.schema.json, by which
editors complete it. Replaces no file unless told to.

Options:
  --framework NAME
      Knows the routes and tokens of: ${Object.keys(frameworks).join(", ")}.
  --from FILE
      Makes rules of what revgate observe has written there, and takes everything else from the configuration
      that was observed (or --config FILE).
${questions.map(({ flag, takes, ask, standard }) => `  --${flag} ${takes}\n      ${ask} (default: ${standard})`).join("\n")}
  --output FILE
      Where to write it (default: ${defaultConfigFile}).
  --force
      Replaces what is there.
  --yes
      Asks nothing.

A ROUTE is a path, with one or more methods in front of it unless all are meant: "POST,PUT /password".`,

  async run(args, io) {
    const options = Object.fromEntries(
      questions.map(({ flag }) => [flag, { type: "string" } as const]),
    ) as Record<keyof BaseFacts, { readonly type: "string" }>;
    const { values } = readArguments(
      args,
      {
        ...options,
        ...{ from: { type: "string" }, framework: { type: "string" }, output: { type: "string" } },
        ...{ force: { type: "boolean" }, yes: { type: "boolean" } },
      },
      0,
    );
    const file = values.output ?? defaultConfigFile;
    if (!values.force && (await exists(file))) {
      throw new UsageError(`${file} is there already; name another --output, or say --force`);
    }
    if (values.from !== undefined) return writeObserved(file, values.from, values.config, io);
    const framework = frameworkOf(values.framework);
    const facts = await gatherFacts(values, { framework, asks: values.yes !== true, io });
    return writeStarter(file, facts, framework, io);
  },
};

function frameworkOf(name: string | undefined): Framework | undefined {
  if (name === undefined) return undefined;
  if (Object.hasOwn(frameworks, name)) return frameworks[name];
  throw new UsageError(
    `--framework: expected one of ${Object.keys(frameworks).join(", ")}, got "${name}"`,
  );
}

async function writeStarter(
  file: string,
  facts: BaseFacts,
  framework: Framework | undefined,
  io: CommandIo,
): Promise<ExitCode> {
  const key = await readKeyFact(facts.key, dirname(resolve(file)));
  const isSecret = URL.canParse(facts.redis) && new URL(facts.redis).password !== "";
  await writeConfiguration(file, starterConfig(facts, key, framework), { isSecret, env: io.env });
  if (isSecret) {
    print(
      io,
      `${file} holds the password of Redis, so only its owner may read it; passwordFile keeps it apart.`,
    );
  }
  if (key.key["insecureShortSecret"] === true) {
    print(
      io,
      `${file} has insecureShortSecret: anyone with a token can find out a secret under 32 bytes by trying. Give the application a longer one.`,
    );
  }
  for (const note of framework?.notes ?? []) print(io, note);
  return tellNext(file, io);
}

async function writeObserved(
  file: string,
  from: string,
  config: string | undefined,
  io: CommandIo,
): Promise<ExitCode> {
  const { text, told, source } = await deriveConfig(from, { config, directory: dirname(file) });
  // As readable as the configuration that it is made of: there may be a password in it.
  const isSecret = ((await stat(source)).mode & 0o077) === 0;
  await writeConfiguration(file, text, { isSecret, env: io.env });
  for (const line of told) print(io, line);
  return tellNext(file, io);
}

function tellNext(file: string, io: CommandIo): ExitCode {
  print(io, `${file}: written, and good. Next:\n`);
  print(io, `  revgate check-config --config ${file} --explain POST /logout`);
  print(io, `  revgate run --config ${file}\n`);
  print(io, "Point clients at port 8080, and let nothing else reach the application's.");
  return exitCodes.done;
}

async function gatherFacts(
  given: Partial<Record<keyof BaseFacts, string | undefined>>,
  {
    framework,
    asks,
    io,
  }: {
    readonly framework: Framework | undefined;
    readonly asks: boolean;
    readonly io: CommandIo;
  },
): Promise<BaseFacts> {
  const interactive = asks && (io.stdin as { isTTY?: boolean }).isTTY === true;
  const dialogue = interactive ? openDialogue(io) : undefined;
  const facts: Record<string, string> = {};
  for (const { flag, ask, standard: usual } of questions) {
    const standard = framework?.standards[flag] ?? usual;
    const answer = given[flag] ?? (await dialogue?.ask(`${ask} [${standard}] `));
    const fact = answer?.trim() || standard;
    facts[flag] = fact === "-" ? "" : fact;
  }
  dialogue?.close();
  return facts as unknown as BaseFacts;
}

/** Asks one question after the other; lines that come before their question wait for it. */
function openDialogue({ stdin, stdout }: CommandIo) {
  const terminal = createInterface({ input: stdin, output: stdout });
  const lines = terminal[Symbol.asyncIterator]();
  return {
    async ask(question: string): Promise<string | undefined> {
      terminal.setPrompt(question);
      terminal.prompt();
      const { value } = await lines.next();
      return value;
    },
    close: () => terminal.close(),
  };
}

async function exists(file: string): Promise<boolean> {
  return access(file, constants.F_OK).then(
    () => true,
    () => false,
  );
}
