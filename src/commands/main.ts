import { ConfigError, RevgateError, UsageError } from "../errors.ts";
import { version } from "../version.ts";
import { type Command, type CommandIo, complain, type ExitCode, exitCodes, print } from "./io.ts";

/** A command that is loaded when it is run: a preStop hook does not wait for the code of a server. */
interface Listed {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const commands: readonly Listed[] = [
  {
    name: "run",
    summary: "serve: check requests and forward them to the application",
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "observe",
    summary: "serve and refuse nothing; say what would be refused",
    load: async () => (await import("./observe.ts")).observe,
  },
  {
    name: "init",
    summary: "write a configuration from a few facts about the application",
    load: async () => (await import("./init/init.ts")).init,
  },
  {
    name: "check-config",
    summary: "report everything that is wrong with a configuration, and where",
    load: async () => (await import("./check-config.ts")).checkConfig,
  },
  {
    name: "revoke",
    summary: "end a token, or all of a subject or session, on every sidecar",
    load: async () => (await import("./tokens.ts")).revoke,
  },
  {
    name: "check",
    summary: "tell whether a token would be accepted, and why not",
    load: async () => (await import("./tokens.ts")).check,
  },
  {
    name: "list",
    summary: "print every live revocation",
    load: async () => (await import("./list.ts")).list,
  },
  {
    name: "import",
    summary: "import an existing blacklist file",
    load: async () => (await import("./import.ts")).importTokens,
  },
  {
    name: "drain",
    summary: "make clients leave a running revgate before it is stopped",
    load: async () => (await import("./drain.ts")).drain,
  },
  {
    name: "demo",
    summary: "show it: an application, a login, a logout that works",
    load: async () => (await import("./demo/demo.ts")).demo,
  },
];

const help = `revgate makes logging out real: it stands in front of an application that issues JWTs, refuses
revoked tokens, and learns from the application's own logout route which those are.

Usage: revgate COMMAND [options]

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`).join("\n")}

  revgate COMMAND --help   what a command does, and its options
  revgate --version

Start here: revgate demo. Then: revgate init, which asks for your application's address, its public key
and its routes, and writes revgate.yaml; and: revgate run.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.`;

/** Runs one command; resolves with the exit code, never rejects. */
export async function main(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const [name, ...rest] = args;
  try {
    if (name === undefined || name === "--help" || name === "-h" || name === "help") {
      print(io, help);
      return name === undefined ? exitCodes.usage : exitCodes.done;
    }
    if (name === "--version" || name === "-V") {
      print(io, version);
      return exitCodes.done;
    }
    const listed = commands.find((candidate) => candidate.name === name);
    if (listed === undefined) throw new UsageError(`unknown command "${name}"; try revgate --help`);
    const command = await listed.load();
    if (rest.includes("--help") || rest.includes("-h")) {
      print(io, command.help);
      return exitCodes.done;
    }
    return await command.run(rest, io);
  } catch (error) {
    return report(error, io);
  }
}

function report(error: unknown, io: CommandIo): ExitCode {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) complain(io, problem);
    return exitCodes.usage;
  }
  if (error instanceof RevgateError) {
    complain(io, `revgate: ${error.message}`);
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
  }
  complain(io, `revgate: a bug: ${error instanceof Error ? error.stack : String(error)}`);
  return exitCodes.failed;
}
