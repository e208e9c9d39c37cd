import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { LogOutput } from "../observability/log-output.ts";

/** What a command may touch of the outside; tests bring their own. */
export interface CommandIo {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Opens standard output for the log; nothing else writes to it then. */
  readonly openLog: () => LogOutput;
  /** Resolves when the process is asked to end (SIGTERM, SIGINT); until it is called, signals end it as usual. */
  readonly waitForTermination: () => Promise<void>;
  /** Calls back whenever the process is asked to read its configuration again (SIGHUP). */
  readonly onReloadRequest: (listener: () => void) => void;
  /** Calls back with every error that reached the top of the process, which then goes on; until it is called, such an error ends it. */
  readonly onUncaught: (listener: (error: unknown) => void) => void;
  /** Starts a Node program as this one was started: `file`, or revgate itself if it is undefined. */
  readonly spawnNode: (
    file: string | undefined,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
  ) => ChildProcess;
  /** Starts any other program, by its path. */
  readonly spawnProgram: (path: string, args: readonly string[]) => ChildProcess;
}

/** How commands end: 0 done, 1 failed, 2 wrong usage or configuration. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;
/** One of the exit codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What a command takes and does; `main.ts` has its name and its place in the help. */
export interface Command {
  /** The whole of `revgate <name> --help`. */
  readonly help: string;
  run(args: readonly string[], io: CommandIo): Promise<ExitCode>;
}

/** Writes a line to standard output. */
export function print(io: CommandIo, text: string): void {
  io.stdout.write(`${text}\n`);
}

/** Writes a line to standard error. */
export function complain(io: CommandIo, text: string): void {
  io.stderr.write(`${text}\n`);
}
