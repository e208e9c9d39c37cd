/**
 * The long form of the fuzzers and of what may not grow.
 *
 *     npm run fuzz -- [--runs N] [--seed N] [--minutes N]
 */

import type { TestContext } from "node:test";
import { parseArgs } from "node:util";
import { placeInFront } from "./classes/fronted.ts";
import { fuzzExemptions, fuzzLogouts } from "./fuzz-targets.ts";
import { placeRevgate } from "./gatekeepers.ts";
import { measureGrowth, measureIdle, measureQueue, measureSlowReader } from "./growth.ts";
import { measureLiveConnections } from "./live.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1000000" },
    seed: { type: "string" },
    minutes: { type: "string", default: "30" },
  },
});
const options = {
  runs: Number(values.runs),
  seed: values.seed === undefined ? undefined : Number(values.seed),
  timeLimitMs: Number(values.minutes) * 60_000,
};

/** As many as the system lets this process have: both ends of a connection are in it, but for the gate's. */
function connectionsOf(wanted: number): number {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft: unknown } } };
  const files = Number(report.userLimits?.open_files?.soft);
  return Number.isFinite(files) ? Math.min(wanted, Math.floor(files / 2) - 500) : wanted;
}

const cleanups: (() => unknown)[] = [];
const t = {
  after: (cleanup: () => unknown) => void cleanups.push(cleanup),
} as unknown as TestContext;
const say = (what: string, result: unknown) =>
  void process.stdout.write(`${what}: ${JSON.stringify(result)}\n`);
try {
  say("200,000 requests", await measureGrowth(t, 200_000));
  say("1,000,000 requests behind one that waits", await measureQueue(t, 1_000_000));
  const many = connectionsOf(10_000);
  say(`${many} idle connections`, await measureIdle(t, many));
  say(`${many} live connections`, await measureLiveConnections(t, many));
  say("1 GB to a slow reader", await measureSlowReader(t, 1024));
  const fronts = await placeInFront(t, placeRevgate);
  say("targets without a token", await fuzzExemptions(fronts, options));
  say("targets with one", await fuzzLogouts(fronts, options));
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
