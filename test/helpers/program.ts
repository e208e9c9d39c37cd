import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { searchPython } from "../tools/python.ts";
import { repository } from "../tools/repository.ts";
import { keyPair, publicPem } from "./tokens.ts";

type After = Pick<TestContext, "after">;

export { repository } from "../tools/repository.ts";

/** The program as it is built and shipped. */
export const shippedProgram = join(repository, "dist/cli.js");

/** The same, in fewer files under `test/run.ts`: it starts faster (`tools/bundle-program.ts`). */
export const builtProgram = process.env["REVGATE_TEST_PROGRAM"] ?? shippedProgram;

/** A program that a test has started. */
export interface Program {
  readonly child: ChildProcess;
  /** Ends it and waits; resolves with its exit code, or null where the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a program and waits for a line of its output; it ends with the test. */
export async function startProgram(
  t: After,
  command: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
  ready: RegExp,
): Promise<Program & { readonly match: RegExpExecArray }> {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  if (child.stdout === null || child.stderr === null) throw new Error("no output");
  const { stdout, stderr } = child;
  const errors = text(stderr);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, "exit");
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  };
  t.after(() => end("SIGKILL"));
  const match = await new Promise<RegExpExecArray>((resolve, reject) => {
    const lines = createInterface({ input: stdout });
    let last = "";
    lines.on("line", (line) => {
      last = line;
      const found = ready.exec(line);
      if (found !== null) resolve(found);
    });
    lines.on("close", async () => {
      const said = `${await errors}${last}`;
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      const how = child.signalCode ?? `exit ${child.exitCode}`;
      reject(new Error(`ended before it was ready (${how}): ${said}`));
    });
  });
  return { child, end, match };
}

export interface BuiltGate extends Program {
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
}

/** Starts the built revgate with a configuration file. */
export async function startBuiltGate(
  t: After,
  configFile: string,
  env: NodeJS.ProcessEnv = {},
  program = builtProgram,
): Promise<BuiltGate> {
  const started = await startProgram(
    t,
    [process.execPath, program, "run", "--config", configFile],
    env,
    /"address":\{[^}]*"port":(\d+)\},"adminAddress":\{[^}]*"port":(\d+)/,
  );
  const [, port, adminPort] = started.match;
  return {
    ...started,
    url: `http://127.0.0.1:${port}`,
    port: Number(port),
    adminUrl: `http://127.0.0.1:${adminPort}`,
  };
}

/** Writes the test's key pair where the example applications look for it. */
export function writeKeyFiles(directory: string): NodeJS.ProcessEnv {
  const files = {
    PRIVATE_KEY_FILE: join(directory, "private.pem"),
    PUBLIC_KEY_FILE: join(directory, "public.pem"),
  };
  const privatePem = keyPair.privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(files.PRIVATE_KEY_FILE, privatePem);
  writeFileSync(files.PUBLIC_KEY_FILE, publicPem);
  return files;
}

/** Starts an example application, unmodified, on a free port. */
export async function startExampleProgram(
  t: After,
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<Program & { readonly url: string }> {
  const command = file.endsWith(".py") ? (searchPython() ?? "python3") : process.execPath;
  const path = join(repository, "examples", file);
  const listening = /listening on (http:\S+)/;
  const program = await startProgram(t, [command, path], { PORT: "0", ...env }, listening);
  return { ...program, url: program.match[1] ?? "" };
}

/** Starts an example application with the test's key pair; resolves with its address. */
export async function startExample(
  t: After,
  which: "flask" | "node",
  directory: string,
): Promise<string> {
  const file = which === "flask" ? "flask/app.py" : "node/server.js";
  const { url } = await startExampleProgram(t, file, writeKeyFiles(directory));
  return url;
}

/** Runs the built revgate to its end. */
export async function runBuilt(
  args: readonly string[],
  options: { stdin?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [builtProgram, ...args], {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit") as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}
