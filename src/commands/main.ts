import { ConfigError, RevgateError, UsageError } from "../errors.ts";
import { version } from "../version.ts";
import { checkConfig } from "./check-config.ts";
import { demo } from "./demo/demo.ts";
import { drain } from "./drain.ts";
import { importTokens } from "./import.ts";
import { init } from "./init/init.ts";
import { type Command, type CommandIo, complain, type ExitCode, exitCodes, print } from "./io.ts";
import { list } from "./list.ts";
import { run } from "./run.ts";
import { check, revoke } from "./tokens.ts";

const commands: readonly Command[] = [
  run,
  init,
  checkConfig,
  revoke,
  check,
  list,
  importTokens,
  drain,
  demo,
];

const help = `revgate makes logging out real: it stands in front of an application that issues JWTs, refuses
tokens that were given up, and learns from the application's own logout route which those are.

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
    const command = commands.find((candidate) => candidate.name === name);
    if (command === undefined)
      throw new UsageError(`unknown command "${name}"; try revgate --help`);
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
