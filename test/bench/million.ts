import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  formatRecords,
  type JournalRecord,
  journalTitle,
} from "../../src/denylist/journal/record.ts";
import { send } from "../helpers/http.ts";
import { fillRedis, startRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { redisStore, startRevgate } from "./contenders.ts";
import { latenciesUntil } from "./load.ts";
import { makeDirectory, quantile, run, type Started } from "./processes.ts";

const count = 1_000_000;
const observedMs = 8000;

/** What clients notice of a store of a million entries. Times in milliseconds. */
export interface MillionFigures {
  readonly readyMs: number;
  readonly loadedMs: number;
  /** Until a sidecar that has all of them in its journal answers. */
  readonly journalMs: number;
  /** For each thing that goes on: the 99th and the highest percentile of what requests take. */
  readonly pauses: readonly {
    readonly during: string;
    readonly p99: number;
    readonly most: number;
  }[];
}

/** Measures a start with a million entries in Redis, and requests while a table is loaded, swept and compacted. */
export async function measureMillion(
  upstream: string,
  tokens: readonly string[],
): Promise<MillionFigures> {
  const pauses: { during: string; p99: number; most: number }[] = [];
  const observe = async (during: string, url: string, ended: () => boolean) => {
    const times = await latenciesUntil(url, tokens, ended);
    pauses.push({
      during,
      p99: quantile(times, 0.99) / 1000,
      most: times.slice(100).reduce((longest, time) => Math.max(longest, time)) / 1000,
    });
  };
  const observeFor = (during: string, url: string) => {
    const untilMs = performance.now() + observedMs;
    return observe(during, url, () => performance.now() > untilMs);
  };

  const empty = await startRevgate(upstream);
  await observeFor("nothing", empty.url);

  const redis = await startRedis(run);
  const revoked = makeToken();
  const first = await startRevgate(upstream, redisStore(redis));
  while ((await logOut(first.url, revoked)) !== 200);
  await fillRedis(redis, count, Math.floor(Date.now() / 1000) + 100_000);
  const startedMs = performance.now();
  const loading = await startRevgate(upstream, redisStore(redis));
  while ((await ask(loading.url, makeToken())) === 503);
  if ((await ask(loading.url, revoked)) !== 401) throw new Error("a revoked token gets through");
  const readyMs = performance.now() - startedMs;
  let entries = 0;
  const timer = setInterval(async () => {
    entries = await entriesOf(loading);
  }, 100);
  await observe("the load from Redis", loading.url, () => entries >= count);
  clearInterval(timer);
  const loadedMs = performance.now() - startedMs;

  const soon = Date.now() / 1000 + 15;
  const home = homeWithJournal({ live: count, expiresAt: soon });
  const openedMs = performance.now();
  const sweeping = await startRevgate(upstream, undefined, { home });
  const journalMs = performance.now() - openedMs;
  while (Date.now() / 1000 < soon);
  await observeFor("a sweep", sweeping.url);

  const compacting = homeWithJournal({ live: count, expiresAt: soon + 100_000, dead: count * 1.1 });
  await observeFor(
    "a compaction",
    (await startRevgate(upstream, undefined, { home: compacting })).url,
  );
  return { readyMs, loadedMs, journalMs, pauses };
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
