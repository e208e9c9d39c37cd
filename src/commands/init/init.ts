import { constants } from "node:fs";
import { access, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { configJsonSchema } from "../../config/json-schema.ts";
import { loadConfig } from "../../config/load.ts";
import { ConfigError, UsageError } from "../../errors.ts";
import { readArguments, standardConfigFile } from "../arguments.ts";
import { type Command, type CommandIo, exitCodes, print } from "../io.ts";
import { type BaseFacts, starterConfig } from "./starter-config.ts";

interface Question {
  readonly flag: keyof BaseFacts;
  /** What the help calls the value. */
  readonly takes: string;
  readonly ask: string;
  readonly standard: string;
}

/** In the order in which they are asked; an answer of `-` means none. */
const questions: readonly Question[] = [
  {
    ...{ flag: "upstream", takes: "URL", standard: "http://127.0.0.1:3000" },
    ask: "Where does the application listen?",
  },
  {
    ...{ flag: "key", takes: "FILE|URL", standard: "public.pem" },
    ask: "Which public key verifies its tokens: a PEM file, or the https: address of a key set?",
  },
  {
    ...{ flag: "token", takes: "SOURCE", standard: "header token" },
    ask: 'Where do clients send the token: "header NAME", "bearer" or "cookie NAME"?',
  },
  {
    ...{ flag: "login", takes: "ROUTE", standard: "POST /login" },
    ask: "Which route logs in (no token needed)?",
  },
  {
    ...{ flag: "logout", takes: "ROUTE", standard: "POST /logout" },
    ask: "Which route logs out (ends the token)?",
  },
  {
    ...{ flag: "change-password", takes: "ROUTE", standard: "POST /change-password" },
    ask: "Which route changes the password (ends the token on every device)?",
  },
  {
    ...{ flag: "reset-password", takes: "ROUTE", standard: "POST /reset-password" },
    ask: "Which route completes a reset (no token needed, ends one that comes along)?",
  },
  {
    ...{ flag: "redis", takes: "URL", standard: "-" },
    ask: "Which Redis do several sidecars share?",
  },
  {
    ...{ flag: "data-dir", takes: "DIR", standard: "data" },
    ask: "In which directory of its own does this one keep its journal?",
  },
];

/** `revgate init`. */
export const init: Command = {
  help: `Usage: revgate init [options]

Asks for what no option says if standard input is a terminal, and takes the default otherwise; "-" means
none. Writes a commented configuration that check-config accepts, and beside it config.schema.json, by which
editors complete it. Replaces no file unless told to.

Options:
${questions.map(({ flag, takes, ask, standard }) => `  --${flag} ${takes}\n      ${ask} (default: ${standard})`).join("\n")}
  --output FILE
      Where to write it (default: ${standardConfigFile}).
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
        output: { type: "string" },
        force: { type: "boolean" },
        yes: { type: "boolean" },
      },
      0,
    );
    const file = values.output ?? standardConfigFile;
    if (!values.force && (await exists(file))) {
      throw new UsageError(`${file} is there already; name another --output, or say --force`);
    }
    const facts = await gatherFacts(values, { asks: values.yes !== true, io });
    await writeConfiguration(file, facts, io);
    if (holdsPassword(facts)) {
      print(
        io,
        `${file} holds the password of Redis, so only its owner may read it; passwordFile keeps it apart.`,
      );
    }
    print(io, `${file}: written, and good. Next:\n`);
    print(io, `  revgate check-config --config ${file} --explain POST /logout`);
    print(io, `  revgate run --config ${file}\n`);
    print(io, "Point clients at port 8080, and let nothing else reach the application's.");
    return exitCodes.done;
  },
};

async function gatherFacts(
  given: Partial<Record<keyof BaseFacts, string | undefined>>,
  { asks, io }: { readonly asks: boolean; readonly io: CommandIo },
): Promise<BaseFacts> {
  const interactive = asks && (io.stdin as { isTTY?: boolean }).isTTY === true;
  const dialogue = interactive ? openDialogue(io) : undefined;
  const facts: Record<string, string> = {};
  for (const { flag, ask, standard } of questions) {
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

/** What can't be used replaces nothing. */
async function writeConfiguration(file: string, facts: BaseFacts, io: CommandIo): Promise<void> {
  const directory = dirname(resolve(file));
  const text = starterConfig({ ...facts, key: await locateKey(facts.key, directory) });
  const draft = `${file}.new`;
  await rm(draft, { force: true });
  // Not through what somebody else has put there meanwhile; and for its owner alone if it holds a secret.
  await writeFile(draft, text, { flag: "wx", ...(holdsPassword(facts) && { mode: 0o600 }) });
  try {
    await loadConfig(draft, io.env);
  } catch (error) {
    await rm(draft);
    throw error instanceof ConfigError ? new UsageError(problemsOf(error)) : error;
  }
  await rename(draft, file);
  const schema = `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`;
  await writeFile(join(directory, "config.schema.json"), schema);
}

function holdsPassword({ redis }: BaseFacts): boolean {
  return URL.canParse(redis) && new URL(redis).password !== "";
}

/** What is wrong, without the places in a file that nobody has seen. */
function problemsOf({ problems }: ConfigError): string {
  return problems.map((problem) => problem.replace(/^\S+:\d+:\d+ /, "")).join("; ");
}

async function locateKey(key: string, directory: string): Promise<string> {
  if (/^https?:/.test(key)) return key;
  if (await exists(key)) return relative(directory, resolve(key));
  throw new UsageError(
    `${key || "a key"}: no such file; name the application's public key with --key, ` +
      "or make it of a private one: openssl pkey -in private.pem -pubout -out public.pem",
  );
}

async function exists(file: string): Promise<boolean> {
  return access(file, constants.F_OK).then(
    () => true,
    () => false,
  );
}
