/**
 * What sidecars cost the Redis that they share, with a verdict for each figure that is to be reached.
 *
 *     npm run capacity              two thousand followers, some four minutes; written into docs/capacity.md
 *     npm run capacity -- --quick   fifty followers, a minute: whether it works
 */
import { parseArgs } from "node:util";
import { fullPlan, measureFleet, quickPlan } from "./fleet.ts";
import { startUpstream } from "./gates.ts";
import { renderReport, writeReport } from "./report.ts";

const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const plan = values.quick ? quickPlan : fullPlan;

const cleanups: (() => unknown)[] = [];
const t = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) };
try {
  const parts = await measureFleet(t, await startUpstream(t), plan);
  const text = renderReport(parts, { title: "What is to be reached", column: "to reach" });
  process.stdout.write(`${text}\n`);
  if (!values.quick) writeReport("docs/capacity.md", text);
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
