/**
 * How long turns of the event loop take while a store is at work, since requests wait for them: in milliseconds of CPU of the main
 * thread, so that other programs on the machine count for nothing. Prints JSON.
 *
 *     turns load PORT        a start at a Redis by itself
 *     turns sweep HOME       entries that have expired leave the table
 *     turns compact HOME     the journal is written anew
 */
import { openSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { openReady, untilFresh } from "../helpers/store.ts";

const [, , what = "", where = ""] = process.argv;
const cleanups: (() => unknown)[] = [];
const t = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) };

/** Nanoseconds that the main thread has run (Linux: schedstat, its first number). */
const file = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
const digits = Buffer.alloc(64);
function ranNs(): number {
  const length = readSync(file, digits, 0, digits.length, 0);
  return Number.parseInt(digits.toString("latin1", 0, length), 10);
}

/** Notes how long each turn takes; what it returns ends that, and tells. */
function watchTurns() {
  const turns: number[] = [];
  let before = ranNs();
  let timer = setImmediate(function note() {
    const now = ranNs();
    turns.push((now - before) / 1e6);
    before = now;
    timer = setImmediate(note);
  });
  return () => {
    clearImmediate(timer);
    turns.sort((a, b) => a - b);
    const all = turns.reduce((sum, ms) => sum + ms, 0);
    let sum = 0;
    // By the time that they take: a request comes at any moment, and so into a long turn more often than into a short one.
    const p99 = turns.find((ms) => {
      sum += ms;
      return sum >= 0.99 * all;
    });
    return { p99: p99 ?? 0, longest: turns.at(-1) ?? 0, all };
  };
}

async function load(port: number) {
  const store = await openReady(t as never, port);
  const ended = watchTurns();
  await untilFresh(store);
  return ended();
}

async function openHome() {
  const options = { clock: systemClock, onUnknownOutcome: "revoke" } as const;
  const denylist = await openEmbeddedDenylist({ dataDir: where, ...options });
  t.after(() => denylist.close());
  return denylist;
}

async function sweep() {
  const denylist = await openHome();
  const before = denylist.size;
  if (before === 0) throw new Error("all entries expired while they were read");
  const ended = watchTurns();
  while (denylist.size === before) await sleep(100);
  for (let size = Number.NaN; denylist.size !== size; await sleep(2500)) size = denylist.size;
  return ended();
}

async function compact() {
  const { journal } = await openHome();
  const ended = watchTurns();
  await journal.compact();
  return ended();
}

try {
  const measure = { load: () => load(Number(where)), sweep, compact }[what as "load"];
  process.stdout.write(JSON.stringify(await measure()));
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
