import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  formatRecords,
  type JournalRecord,
  journalTitle,
} from "../../src/denylist/journal/record.ts";
import { send } from "../helpers/http.ts";
import { fillRedis, startRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { redisStore, startRevgate } from "./contenders.ts";
import { redisCpuUs } from "./followers.ts";
import { latenciesUntil } from "./load.ts";
import { makeDirectory, quantile, run, runScript, type Started, script } from "./processes.ts";
import type { Part, Verdict } from "./report.ts";

const count = 1_000_000;
const observedMs = 8000;

/** What goes on in a sidecar while requests come: the 99th and the highest percentile of what these take, in milliseconds. */
interface Pause {
  readonly during: string;
  readonly p99: number;
  readonly longest: number;
}

/** A start with as many entries in Redis; in seconds. */
interface Load {
  /** Until the first right answer. */
  readonly ready: number;
  readonly loaded: number;
  /** CPU of Redis meanwhile. */
  readonly redisCpu: number;
  /** Undefined if requests were not observed either. */
  readonly turns: Turns | undefined;
}

/** Turns of the event loop (turns.ts), in milliseconds of CPU. */
type Turns = Record<string, number>;

/** What is promised of them, in milliseconds. */
const pauseTargets = { p99: 5, longest: 15 } as const;

/** Measures starts with a million entries and with five, and requests while a table is loaded, swept and compacted. */
export async function measureMillion(upstream: string, tokens: readonly string[]): Promise<Part> {
  const pauses: Pause[] = [];
  const observe: Observe = async (during, url, ended) => {
    const times = await latenciesUntil(url, tokens, ended);
    const longest = times.slice(100).reduce((most, time) => Math.max(most, time), 0);
    pauses.push({ during, p99: quantile(times, 0.99) / 1000, longest: longest / 1000 });
  };
  const observeFor = (during: string, url: string) => {
    const untilMs = performance.now() + observedMs;
    return observe(during, url, () => performance.now() > untilMs);
  };
  const empty = await startRevgate(upstream);
  await observeFor("nothing", empty.url);
  await empty.stop();
  const load = await measureLoad(upstream, count, observe);

  const soon = Date.now() / 1000 + 15;
  const home = homeWithJournal({ live: count, expiresAt: soon });
  const openedMs = performance.now();
  const sweeping = await startRevgate(upstream, undefined, { home });
  const opened = (performance.now() - openedMs) / 1000;
  while (Date.now() / 1000 < soon) await sleep(100);
  await observeFor("a sweep", sweeping.url);
  await sweeping.stop();
  const later = homeWithJournal({ live: count, expiresAt: Date.now() / 1000 + 20 });
  const turns = { "a sweep": await turnsOf("sweep", join(later, "data")) };

  const mostlyDead = { live: count, expiresAt: soon + 100_000, dead: count * 1.1 };
  const compactTurns = await turnsOf("compact", join(homeWithJournal(mostlyDead), "data"));
  const old = homeWithJournal(mostlyDead);
  const compacting = await startRevgate(upstream, undefined, { home: old });
  await observeFor("a compaction", compacting.url);
  await compacting.stop();
  const more = await measureLoad(upstream, 5 * count);
  const all = { "the load from Redis": load.turns, ...turns, "a compaction": compactTurns };
  return reportOf({ load, opened, more: more.loaded }, { pauses, turns: all });
}

type Observe = (during: string, url: string, ended: () => boolean) => Promise<void>;

/** A start at a Redis where another sidecar has all of it already, as in a rollout. */
async function measureLoad(upstream: string, entries: number, observe?: Observe): Promise<Load> {
  const redis = await startRedis(run);
  const revoked = makeToken();
  const first = await startRevgate(upstream, redisStore(redis));
  while ((await logOut(first.url, revoked)) !== 200);
  await first.stop();
  await fillRedis(redis, entries, Math.floor(Date.now() / 1000) + 100_000);
  const holder = await startRevgate(upstream, redisStore(redis), { core: "any" });
  while ((await redis.client.exists("revgate:snapshot")) === 0) await sleep(200);
  const [before, startedMs] = [await redisCpuUs(redis), performance.now()];
  const seconds = () => (performance.now() - startedMs) / 1000;
  const loading = await startRevgate(upstream, redisStore(redis));
  while ((await ask(loading.url, makeToken())) === 503);
  if ((await ask(loading.url, revoked)) !== 401) throw new Error("a revoked token gets through");
  const ready = seconds();
  const loaded = untilLoaded(loading, entries).then(() => ({
    ...{ ready, loaded: seconds() },
  }));
  let isLoaded = false;
  void loaded.finally(() => {
    isLoaded = true;
  });
  await observe?.("the load from Redis", loading.url, () => isLoaded);
  const times = await loaded;
  const redisCpu = ((await redisCpuUs(redis)) - before) / 1e6;
  const turns = observe && (await turnsOf("load", String(redis.port)));
  await loading.stop();
  await holder.stop();
  await redis.kill();
  return { ...times, redisCpu, turns };
}

function turnsOf(what: string, where: string): Promise<Turns> {
  return runScript([...script("turns"), what, where]);
}

async function untilLoaded(sidecar: Started, entries: number): Promise<void> {
  while ((await entriesOf(sidecar)) < entries) await sleep(100);
}

function reportOf(
  { load, opened, more }: { load: Load; opened: number; more: number },
  {
    pauses,
    turns,
  }: { pauses: readonly Pause[]; turns: Readonly<Record<string, Turns | undefined>> },
): Part {
  const row = (what: string, measured: number, most: number): Verdict => ({
    ...{ what, measured, target: { most } },
  });
  const observed = pauses.filter(({ during }) => during !== "nothing");
  return {
    figures: {
      title: "Requests (8 connections) while a store of a million entries is at work, milliseconds",
      columns: ["during", "p99", "longest"],
      rows: pauses.map(({ during, ...ms }) => [during, ms.p99.toFixed(1), ms.longest.toFixed(1)]),
    },
    verdicts: [
      row("start to right answers, 1,000,000 entries in Redis, s", load.ready, 2),
      row("table loaded from Redis, 1,000,000 entries, under requests, s", load.loaded, 3),
      row("table loaded from Redis, 5,000,000 entries, s", more, 15),
      row("CPU of Redis for the load of 1,000,000, s", load.redisCpu, 0.5),
      row("start with 1,000,000 entries in the journal, s", opened, 2),
      ...observed.flatMap(({ during, p99, longest }) => [
        row(`p99 of requests during ${during}, ms`, p99, pauseTargets.p99),
        row(`longest request during ${during}, ms`, longest, pauseTargets.longest),
      ]),
      ...Object.entries(turns).flatMap(
        ([during, { p99 = Number.NaN, longest = Number.NaN } = {}]) => [
          row(`p99 of turns of the event loop during ${during}, ms of CPU`, p99, pauseTargets.p99),
          row(`longest turn during ${during}, ms of CPU`, longest, pauseTargets.longest),
        ],
      ),
    ],
  };
}

async function ask(url: string, token: string): Promise<number> {
  return (await send(`${url}/me`, { headers: { token } })).status;
}

async function logOut(url: string, token: string): Promise<number> {
  return (await send(`${url}/logout`, { method: "POST", headers: { token } })).status;
}

async function entriesOf({ adminUrl }: Started): Promise<number> {
  const { text } = await send(`${adminUrl}/metrics`);
  return Number(/^revgate_denylist_entries (\d+)$/m.exec(text)?.[1]);
}

/** A directory for a revgate whose journal holds so many entries, and so many that are over. */
function homeWithJournal(journal: { live: number; expiresAt: number; dead?: number }): string {
  const home = makeDirectory();
  mkdirSync(join(home, "data"));
  const record = (expiresAt: number): JournalRecord => {
    const value = randomBytes(32).toString("base64url");
    return { verb: "revoked", entry: { kind: "tok", value, expiresAt } };
  };
  const file = join(home, "data", "journal");
  writeFileSync(file, journalTitle);
  const append = (lines: number, expiresAt: number) => {
    for (let at = 0; at < lines; at += 10_000) {
      const some = Array.from({ length: 10_000 }, () => record(expiresAt));
      writeFileSync(file, formatRecords(some), { flag: "a" });
    }
  };
  append(journal.dead ?? 0, 1);
  append(journal.live, Math.ceil(journal.expiresAt));
  return home;
}
