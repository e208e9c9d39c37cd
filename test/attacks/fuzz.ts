/**
 * The long form of the fuzzers, and of what may not grow.
 *
 *     npm run fuzz -- [--only NAME,...] [--runs N] [--seed N] [--minutes N]
 *
 * Each fuzzer runs for `--minutes` or `--runs`, whichever ends first. `--only growth` measures memory alone.
 *
 * To add a fuzzer:
 * 1. write `fuzzers/NAME.ts` that exports a `Fuzzer` (`fuzzers/fuzzer.ts` has the interface, `tryEach` the loop).
 *    `fuzzers/hostile.ts` has texts, numbers, JSON and `mutationsOf` for bytes: use a grammar and bytes;
 * 2. add it to the list in `fuzzers/index.ts`. `npm run fuzz` has it now, and `npm test` its short form: choose
 *    `short` so that it takes about two seconds, with `atLeast` so that it can't try nothing unseen;
 * 3. break what it tests on purpose, and see it find that.
 */

import { randomInt } from "node:crypto";
import type { TestContext } from "node:test";
import { parseArgs } from "node:util";
import { fuzzers } from "./fuzzers/index.ts";
import { measureGrowth, measureIdle, measureQueue, measureSlowReader } from "./growth.ts";
import { measureLiveConnections } from "./live.ts";
import { measureLogouts } from "./logouts.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: ["growth", ...fuzzers.map(({ name }) => name)].join() },
    runs: { type: "string", default: "1000000" },
    seed: { type: "string" },
    minutes: { type: "string", default: "30" },
  },
});
const options = {
  runs: Number(values.runs),
  seed: values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed),
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

async function growth(): Promise<void> {
  say("200,000 requests", await measureGrowth(t, 200_000));
  say("1,000,000 requests behind one that waits", await measureQueue(t, 1_000_000));
  const many = connectionsOf(10_000);
  say(`${many} idle connections`, await measureIdle(t, many));
  say(`${many} live connections`, await measureLiveConnections(t, many));
  for (const store of ["redis", "alone"] as const) {
    say(`${many} logouts in one moment, ${store}`, await measureLogouts(t, many, store));
  }
  say("1 GB to a slow reader", await measureSlowReader(t, 1024));
}

try {
  for (const name of values.only.split(",")) {
    const fuzzer = fuzzers.find((each) => each.name === name);
    if (fuzzer !== undefined) say(name, await fuzzer.fuzz(t, options));
    else if (name === "growth") await growth();
    else throw new Error(`--only: expected growth or the name of a fuzzer, got "${name}"`);
  }
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
