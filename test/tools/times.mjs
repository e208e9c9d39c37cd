/**
 * A reporter of node's test runner: how long each folder of test/ takes, and the dearest files, in seconds
 * and in seconds of CPU (`cpu.mjs`).
 *
 * JavaScript: the runner loads reporters as they are.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const nameOf = (file) =>
  file.replace(/^.*\/(?:test\/|revgate-tests-\w+\/)/, "").replace(/\.js$/, ".ts");

/** Seconds of CPU by file, as each process has noted them; those of files that share one are their group's. */
function readCpu(folder) {
  const cpu = new Map();
  for (const name of readdirSync(folder)) {
    const [seconds, file] = readFileSync(join(folder, name), "utf8").split(" ");
    cpu.set(nameOf(file), Number(seconds));
  }
  return cpu;
}

/** Seconds by file, of the tests that are not within another. */
async function readSeconds(events) {
  const files = new Map();
  for await (const { type, data } of events) {
    if ((type !== "test:pass" && type !== "test:fail") || data.nesting !== 0) continue;
    const file = nameOf(data.file ?? "?");
    files.set(file, (files.get(file) ?? 0) + (data.details?.duration_ms ?? 0) / 1000);
  }
  return files;
}

/** Yields the table when the run has ended; seconds are summed over tests that ran side by side. */
// biome-ignore lint/style/noDefaultExport: the runner takes a reporter by its default export
export default async function* times(events) {
  const seconds = await readSeconds(events);
  const cpu = readCpu(process.env.REVGATE_TEST_CPU);
  const rows = new Map();
  for (const file of new Set([...seconds.keys(), ...cpu.keys()])) {
    const [folder] = file.split("/");
    for (const name of ["in all", folder, file]) {
      const row = rows.get(name) ?? [0, 0];
      rows.set(name, [row[0] + (seconds.get(file) ?? 0), row[1] + (cpu.get(file) ?? 0)]);
    }
  }
  yield "     s  s of CPU\n";
  const dearest = [...rows].sort(([, [, some]], [, [, others]]) => others - some);
  for (const [name, figures] of dearest) {
    yield `${figures.map((figure) => figure.toFixed(1).padStart(7)).join(" ")}  ${name}\n`;
  }
}
