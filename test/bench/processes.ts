import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { repository } from "../helpers/program.ts";
import { searchProgram } from "../tools/programs.ts";

/** A process that is measured, or that a measurement needs. */
export interface Started {
  readonly pid: number;
  readonly url: string;
  /** revgate's admin listener. */
  readonly adminUrl?: string;
  /** The port of revgate's that gateways ask at. */
  readonly decisionsUrl?: string;
  /** Ends it; resolves when it has ended. */
  stop(): Promise<void>;
}

/** The program that pins processes to cores; undefined where the system has none, or one core. */
export const taskset = availableParallelism() > 1 ? searchProgram(["taskset"]) : undefined;

const children: ChildProcess[] = [];
const cleanups: (() => unknown)[] = [];

/** What test helpers want of a test: here the whole run. */
export const run = { after: (cleanup: unknown) => void cleanups.push(cleanup as () => unknown) };

/** A directory of the run's own. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "revgate-bench-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Where a program runs: on that core alone if the system allows it, or on whichever is free. */
export type Core = number | "any";

/** Starts a program. */
export function launch(core: Core, command: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const pinned =
    core === "any" || taskset === undefined ? command : [taskset, "-c", String(core), ...command];
  const [file = "", ...rest] = pinned;
  const child = spawn(file, rest, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

/** Moves this process to the core where everything is that is not measured. */
export function keepOffTheContendersCore(): void {
  if (taskset !== undefined) spawnSync(taskset, ["-pc", "1", String(process.pid)]);
}

/** The same for a program that prints its port; resolves with it. */
export async function start(
  core: Core,
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Started> {
  const child = launch(core, command, env);
  for await (const line of createInterface({ input: child.stdout })) {
    const [url, adminUrl, decisionsUrl] = [...line.matchAll(/"port":(\d+)/g)].map(
      ([, port]) => `http://127.0.0.1:${port}`,
    );
    if (url === undefined) continue;
    child.stdout.resume();
    const others = { ...(adminUrl && { adminUrl }), ...(decisionsUrl && { decisionsUrl }) };
    return { pid: child.pid ?? 0, url, ...others, stop: () => end(child) };
  }
  throw new Error(`${command.join(" ")} ended before it was ready`);
}

/** A script of this folder, as a command. */
export function script(name: string, ...options: readonly string[]): string[] {
  const file = join(repository, `test/bench/${name}.ts`);
  return [process.execPath, ...options, "--import", "tsx", file];
}

/** Runs such a script to its end; resolves with the JSON that it prints. */
export async function runScript(command: readonly string[]): Promise<Record<string, number>> {
  const child = launch(0, command);
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  await once(child, "close");
  return JSON.parse(text) as Record<string, number>;
}

/** Ends a process; resolves when it has ended. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill();
  await exited;
}

/** Ends everything that was started, and removes what was written. */
export async function endAll(): Promise<void> {
  for (const child of children) await end(child);
  for (const cleanup of cleanups.reverse()) await cleanup();
}

const ticksPerSecond =
  Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout) || 100;

/** User and system time of a process since its start, in microseconds (proc(5), fields 14 and 15). */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

/** The value below which that share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

/** The one in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The median of the ratios of each round: machines get faster and slower while a run goes on. */
export function ratio(values: readonly number[], others: readonly number[]): number {
  return median(values.map((value, round) => value / (others[round] ?? Number.NaN)));
}
