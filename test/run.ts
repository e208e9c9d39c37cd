/**
 * Runs the tests of the folders and files named on the command line with node's own runner.
 *
 * `--engine=node` has every gate of theirs serve requests in Node's own way (`server.engine`).
 *
 * `--times` adds how long each folder and the slowest files took, on standard error.
 *
 * Node 20 does not find `.ts` files by itself, so the list is made here; a run without a test fails.
 * They run compiled. Those of `unit` touch nothing outside of themselves, so they share a few processes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { type CompiledTests, compileTests } from "./tools/compile-tests.ts";

const { values, positionals: folders } = parseArgs({
  options: {
    engine: { type: "string", default: "direct" },
    times: { type: "boolean", default: false },
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

// Half of the time tests wait: for a disk, a time-out, a grace period.
const concurrency = Math.ceil(1.5 * Math.max(2, availableParallelism()));
const timesReporter = [
  ...["--test-reporter=tap", "--test-reporter-destination=stdout"],
  ...["--test-reporter=./test/tools/times.mjs", "--test-reporter-destination=stderr"],
];
const compiled = compileTests();
try {
  const child = spawn(
    process.execPath,
    [
      ...["--enable-source-maps", "--test"],
      `--test-concurrency=${concurrency}`,
      "--test-timeout=240000",
      ...(values.times ? timesReporter : []),
      ...processesFor(files, compiled),
    ],
    { stdio: "inherit", env: { ...process.env, REVGATE_TEST_ENGINE: values.engine } },
  );
  // What is to be removed in the end is removed then, too.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  compiled.remove();
}

/** What each process runs: a file, but for those that share one. */
function processesFor(tests: readonly string[], { fileOf, together }: CompiledTests): string[] {
  const shared = tests.filter((test) => test.startsWith("test/unit/"));
  const alone = tests.filter((test) => !shared.includes(test));
  const groups = Array.from({ length: Math.min(concurrency, shared.length) }, (_, i) =>
    together(
      `unit-${i + 1}`,
      shared.filter((_test, at) => at % concurrency === i),
    ),
  );
  return [...groups, ...alone.map(fileOf)];
}

function listTests(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `${folder}/${name}`)
    .sort();
}
