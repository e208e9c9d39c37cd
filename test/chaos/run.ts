/**
 * Breaks one thing after the other while clients log in and out, and checks what they saw.
 *
 *     npm run chaos -- --topology sentinel --revocations 10000 --faults 300 --seconds 3600 --seed 7
 *
 * `--only "journal removed,clock ahead"` has only these faults happen. `--small-snapshots` has snapshots of
 * few entries be kept and loaded. Exit 0: no promise was broken; 1: one was; 2: the command line.
 */
import { parseArgs } from "node:util";
import { type BreakageName, breakages } from "./breakages/break-program.ts";
import type { Breakage } from "./breakages/breakage.ts";
import { runScenario } from "./scenario.ts";
import { type Topology, topologies } from "./stores/store.ts";

const { values } = parseArgs({
  options: {
    topology: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    revocations: { type: "string", default: "10000" },
    faults: { type: "string", default: "300" },
    seconds: { type: "string", default: "3600" },
    break: { type: "string" },
    only: { type: "string" },
    "small-snapshots": { type: "boolean", default: false },
  },
});
const isBreakage = (text: string): text is BreakageName => text in breakages;
const broken = values.break === undefined || !isBreakage(values.break) ? undefined : values.break;
const plan: Breakage | undefined = broken && breakages[broken];
const wanted = values.topology ?? plan?.topology ?? "sentinel";
const topology = topologies.find((each) => each === wanted);
if (topology === undefined || (values.break !== undefined && !isBreakage(values.break))) {
  process.stderr.write(
    `--topology is one of ${topologies.join(", ")}; --break one of ${Object.keys(breakages).join(", ")}\n`,
  );
  process.exit(2);
}

const cleanups: (() => unknown)[] = [];
const t = { after: (cleanup?: unknown) => void cleanups.push(cleanup as () => unknown) };
const startedMs = performance.now();
let code = 1;
try {
  const report = await runScenario(t, {
    topology: topology satisfies Topology,
    seed: Number(values.seed),
    revocations: Number(values.revocations),
    faults: Number(values.faults),
    seconds: Number(values.seconds),
    breakage: broken,
    smallSnapshots: values["small-snapshots"] || plan?.smallSnapshots,
    only: values.only?.split(",") ?? plan?.only,
    untilViolation: broken !== undefined,
    onProgress: (text) => process.stderr.write(`${text}\n`),
  });
  const { violations, ...figures } = report;
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  process.stdout.write(
    `${JSON.stringify({ topology, seed: Number(values.seed), seconds, ...figures, violations: violations.length })}\n`,
  );
  for (const { history, ...violation } of violations.slice(0, 20)) {
    process.stdout.write(`${JSON.stringify(violation)}\n`);
    for (const event of history) process.stdout.write(`    ${JSON.stringify(event)}\n`);
  }
  code = violations.length === 0 ? 0 : 1;
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
process.exit(code);
