/**
 * Runs the tests of the folders and files named on the command line with node's own runner.
 *
 * `--engine=node` has every gate of theirs serve requests in Node's own way (`server.engine`).
 *
 * `--times` adds what each folder and file took, in seconds and in seconds of CPU, on standard error.
 *
 * `--long` runs them in their long form (`helpers/form.ts`).
 *
 * `--stops` has single processes of theirs stand still for a moment, again and again (`tools/stops.ts`).
 *
 * Node 20 does not find `.ts` files by itself, so the list is made here; a run without a test fails.
 * They run compiled, and many share a process (`tools/processes.ts`); `--alone` gives each its own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prepareKeyPairs } from "./helpers/key-pairs.ts";
import { compileTests } from "./tools/compile-tests.ts";
import { planProcesses } from "./tools/processes.ts";
import { stopAtRandom } from "./tools/stops.ts";

const { values, positionals: folders } = parseArgs({
  options: {
    engine: { type: "string", default: "direct" },
    times: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
    alone: { type: "boolean", default: false },
    stops: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const files = folders.flatMap((folder) => {
  if (folder.endsWith(".test.ts")) return [`test/${folder}`];
  const found = listTests(`test/${folder}`);
  if (found.length === 0) throw new Error(`no test in test/${folder}`);
  return found;
});
if (files.length === 0) throw new Error("name the folders of test/ to run");

/**
 * Most of the time tests wait: for a disk, a time-out, a grace period. On a large machine no more run at once, since a
 * container on it often has the time of a few processors only, and then many tests at once are slow ones.
 */
const concurrency = Math.min(8, 3 * Math.max(2, availableParallelism()));
/** The longest that a test may take; of several in one process, each. */
const maxTestMs = 240_000;
/** What a terminal shows is node's own choice; a file or a pipe gets TAP, and the failures at its end. */
const reporter = [
  `--test-reporter=${process.stdout.isTTY ? "spec" : "./test/tools/failures-last.mjs"}`,
  "--test-reporter-destination=stdout",
];
const timesReporter = [
  "--import=./test/tools/cpu.mjs",
  ...["--test-reporter=./test/tools/times.mjs", "--test-reporter-destination=stderr"],
];
prepareKeyPairs();
const compiled = await compileTests(
  values.alone ? { alone: files, groups: [] } : planProcesses(files),
);
const cpuFolder = mkdtempSync(join(tmpdir(), "revgate-cpu-"));
const env = {
  REVGATE_TEST_ENGINE: values.engine,
  REVGATE_TEST_FORM: values.long ? "long" : "short",
  REVGATE_TEST_CPU: cpuFolder,
  REVGATE_TEST_MAX_MS: String(maxTestMs),
  ...(compiled.program !== undefined && { REVGATE_TEST_PROGRAM: compiled.program }),
};
try {
  const child = spawn(
    process.execPath,
    [
      ...["--enable-source-maps", "--test"],
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${4 * maxTestMs}`,
      ...reporter,
      ...(values.times ? timesReporter : []),
      ...compiled.files,
    ],
    { stdio: "inherit", env: { ...process.env, ...env } },
  );
  // What is to be removed in the end is removed then, too.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const endStops = values.stops && child.pid !== undefined ? stopAtRandom(child.pid) : undefined;
  const [code] = (await once(child, "exit")) as [number | null];
  endStops?.();
  process.exitCode = code ?? 1;
} finally {
  compiled.remove();
  rmSync(cpuFolder, { recursive: true });
}

function listTests(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `${folder}/${name}`)
    .sort();
}
