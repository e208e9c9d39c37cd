import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { findProgram } from "../tools/programs.ts";
import { listenOnLoopback } from "./application.ts";
import { repository } from "./program.ts";
import { temporaryDirectory } from "./temporary.ts";

/** The text below a heading of a document, to the next heading of its level or above. */
export function sectionOf(file: string, heading: string): string {
  const lines = readFileSync(join(repository, file), "utf8").split("\n");
  const first = lines.findIndex((line) => line.replace(/^#+ /, "") === heading && line !== heading);
  if (first === -1) throw new Error(`${file} has no section: ${heading}`);
  const level = lines[first]?.indexOf(" ") ?? 0;
  const rest = lines.slice(first + 1);
  const end = rest.findIndex((line) => new RegExp(`^#{1,${level}} `).test(line));
  return rest.slice(0, end === -1 ? undefined : end).join("\n");
}

/** The code blocks of a text, in order: indented ones (in lists too), and those between fences. */
export function blocksOf(section: string): string[] {
  const blocks: string[] = [];
  let current: string[] | undefined;
  let fence = false;
  let above = "";
  for (const line of `${section}\n`.split("\n")) {
    if (/^\s*```/.test(line)) fence = !fence;
    const isCode = fence || (/^ {4}/.test(line) && (current !== undefined || above.trim() === ""));
    if (isCode && !/^\s*```/.test(line)) {
      current ??= [];
      current.push(line);
    } else if (current !== undefined) {
      blocks.push(dedent(current));
      current = undefined;
    }
    above = line;
  }
  return blocks;
}

function dedent(lines: readonly string[]): string {
  const margin = Math.min(
    ...lines.filter((line) => line.trim() !== "").map((line) => line.search(/\S/)),
  );
  return lines.map((line) => line.slice(margin)).join("\n");
}

/** A program that a walk finds on its PATH: what it does with its arguments and its input; resolves with its output. */
export type StandIn = (args: readonly string[], input: string) => Promise<string>;

export interface WalkOptions {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** Programs in place of those that this machine lacks (kubectl with a cluster), or that take long to start. */
  readonly programs?: Readonly<Record<string, StandIn>>;
  /** Takes a block of settings, which begins with the name of one. */
  readonly configure?: (yaml: string) => void;
}

/** A program that runs in this process, as if it had been started in a directory. */
export function inDirectory(
  directory: string,
  run: (
    args: readonly string[],
    input: string,
  ) => Promise<{ stdout: string; stderr: string; code: number }>,
): StandIn {
  const located = (arg: string) => (existsSync(join(directory, arg)) ? join(directory, arg) : arg);
  return async (args, input) => {
    const { stdout, stderr, code } = await run(args.map(located), input);
    if (code !== 0) throw new Error(stderr + stdout);
    return stdout;
  };
}

/** Runs the commands of a document one after the other, as a reader would; rejects with what the first that fails says. */
export async function walk(
  t: TestContext,
  commands: readonly string[],
  { directory, env, programs = {}, configure }: WalkOptions,
): Promise<string> {
  if (commands.length === 0) throw new Error("nothing to walk");
  const path = await placeStandIns(t, programs);
  let output = "";
  for (const command of commands) {
    if (/^\w+:/.test(command)) {
      if (configure === undefined) throw new Error(`nobody takes: ${command}`);
      configure(command);
      continue;
    }
    const child = spawn("sh", ["-eu", "-c", command], {
      cwd: directory,
      env: { ...process.env, ...env, PATH: `${path}${delimiter}${process.env["PATH"]}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = once(child, "exit") as Promise<[number | null]>;
    t.after(() => child.kill("SIGKILL"));
    const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await ended;
    output += said;
    if (code !== 0) throw new Error(`exit ${code}: ${command}\n${said}${errors}`);
  }
  return output;
}

/** Scripts that have this process do the work; resolves with their folder. */
async function placeStandIns(
  t: TestContext,
  programs: Readonly<Record<string, StandIn>>,
): Promise<string> {
  const folder = join(temporaryDirectory(t), "bin");
  mkdirSync(folder);
  const server = createServer(async (request: IncomingMessage, response) => {
    const name = request.url?.slice(1) ?? "";
    try {
      const form = new URLSearchParams(await text(request));
      const program = programs[name];
      if (program === undefined) throw new Error(`unknown: ${name}`);
      response.end(await program(form.getAll("arg"), form.get("input") ?? ""));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  const port = await listenOnLoopback(t, server);
  for (const name of Object.keys(programs)) {
    const script = [
      "#!/bin/sh",
      'set -- "$@" --end; while [ "$1" != --end ]; do a=$1; shift; set -- "$@" --data-urlencode "arg=$a"; done; shift',
      `exec ${findProgram(["curl"])} -sS --fail-with-body --data-urlencode input@- "$@" http://127.0.0.1:${port}/${name}`,
    ];
    const file = join(folder, name);
    writeFileSync(file, `${script.join("\n")}\n`);
    chmodSync(file, 0o755);
  }
  return folder;
}
