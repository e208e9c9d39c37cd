import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "../helpers/http.ts";
import type { BuiltGate } from "../helpers/program.ts";
import { fillRedis, startRedis, type TestRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { type EpochPlan, measureEpochChange } from "./epoch-change.ts";
import { type LogoutPlan, measureFollowedLogouts } from "./followed-logouts.ts";
import { measureFollowers, redisCpuUs } from "./followers.ts";
import { addSidecar, type Ending, measureIdle, untilIdleMs } from "./gates.ts";
import { replay, startRecorder } from "./recorded.ts";
import type { Part } from "./report.ts";

/** How much is measured, and for how long. */
export interface FleetPlan {
  /** Real sidecars. */
  readonly sidecars: number;
  /** Connections that send what sidecars send; a simulated follower has as many as a sidecar. */
  readonly followers: number;
  /** How long sidecars are left alone before they are taken to be idle. */
  readonly settleMs: number;
  readonly idleSeconds: number;
  readonly recordMs: number;
  readonly replaySeconds: number;
  readonly logouts: LogoutPlan;
  readonly logoutsOfOne: number;
  readonly epoch: EpochPlan;
}

export const fullPlan: FleetPlan = {
  sidecars: 8,
  followers: 2000,
  settleMs: untilIdleMs,
  idleSeconds: 10,
  recordMs: 30_000,
  replaySeconds: 15,
  logouts: { followers: 1000, perSecond: 300, seconds: 8, rounds: 3 },
  logoutsOfOne: 3000,
  epoch: { sidecars: 4, entries: 200_000 },
};

/** Whether it works: what it measures is worth nothing. */
export const quickPlan: FleetPlan = {
  sidecars: 2,
  followers: 50,
  settleMs: 500,
  idleSeconds: 1,
  recordMs: 3000,
  replaySeconds: 1,
  logouts: { followers: 50, perSecond: 100, seconds: 1, rounds: 1 },
  logoutsOfOne: 200,
  epoch: { sidecars: 2, entries: 2000 },
};

/** Measures what a fleet costs the Redis that it shares. */
export async function measureFleet(t: Ending, upstream: string, plan: FleetPlan): Promise<Part[]> {
  return [
    await measureSidecars(t, upstream, plan),
    await measureFollowing(t, upstream, plan),
    await measureHearing(t, plan),
    await measureChange(t, upstream, plan),
  ];
}

/** Real sidecars: what each costs Redis and itself, and what a logout does. */
async function measureSidecars(t: Ending, upstream: string, plan: FleetPlan): Promise<Part> {
  const redis = await startRedis(t as never);
  const bytes = await bytesPerEntry(redis);
  const gates = [await addSidecar(t, redis.url, { upstream })] as [BuiltGate, ...BuiltGate[]];
  const one = await measureIdle(redis, gates, plan);
  const connections = await connectionsOf(redis);
  while (gates.length < plan.sidecars) gates.push(await addSidecar(t, redis.url, { upstream }));
  const all = await measureIdle(redis, gates, plan);
  const logouts = await measureLogouts(t, gates[0], {
    redis,
    idle: all.redis,
    count: plan.logoutsOfOne,
  });
  for (const gate of gates) await gate.end("SIGTERM");
  const rows: [string, number, number][] = [
    ["bytes of Redis a revocation", bytes, 0],
    ["logouts a second at one sidecar, 64 at once", logouts.perSecond, 0],
    ["CPU of Redis a logout, told to all of them, µs", logouts.cpuUs, 0],
    ["bytes of journal a revocation", logouts.journalBytes, 0],
  ];
  return {
    figures: {
      title: `Redis with ${plan.sidecars} sidecars`,
      columns: ["", ""],
      rows: rows.map(([what, figure, digits]) => [what, figure.toFixed(digits)]),
    },
    verdicts: [
      {
        what: "CPU of Redis for an idle sidecar, default staleness, ms a second",
        measured: (all.redis - one.redis) / (plan.sidecars - 1),
        target: { most: 0.25 },
      },
      {
        what: "CPU of an idle sidecar itself, ms a second",
        measured: all.own,
        target: { most: 5 },
        digits: 1,
      },
      { what: "connections to Redis that a sidecar holds", measured: connections, digits: 0 },
    ],
  };
}

/** Thousands of followers that send what one sidecar was seen to send. */
async function measureFollowing(t: Ending, upstream: string, plan: FleetPlan): Promise<Part> {
  const redis = await startRedis(t as never);
  const usual = await measureRecorded(t, redis, { ...plan, upstream, more: "" });
  const { get, steady, full, name } = await measureFollowers(redis, plan.followers);
  const slow = await startRedis(t as never);
  const rare = await measureRecorded(t, slow, { ...plan, upstream, more: ", staleness: 1s" });
  const share = (100 * Math.min(usual.share, rare.share)).toFixed(0);
  return {
    figures: {
      title: `Redis with ${plan.followers} simulated followers, which sent ${share} % or more of what was recorded`,
      columns: ["CPU of Redis", "µs each"],
      rows: [
        ["a plain GET", get.toFixed(1)],
        ["a reading that only proves", steady.toFixed(1)],
        ["a full reading", full.toFixed(1)],
        ["a look at where its address leads", name.toFixed(1)],
      ],
    },
    verdicts: [
      {
        what: `CPU of Redis for each of ${plan.followers} followers without requests, default staleness, ms a second`,
        measured: usual.cpuUs / 1000,
        target: { most: 0.25 },
        digits: 3,
      },
      {
        what: "the same with a staleness of one second",
        measured: rare.cpuUs / 1000,
        target: { most: 0.05 },
        digits: 3,
      },
      {
        what: "CPU of Redis: a reading that only proves ÷ a GET",
        measured: steady / get,
        target: { most: 1.5 },
      },
    ],
  };
}

async function measureRecorded(
  t: Ending,
  redis: TestRedis,
  {
    upstream,
    more,
    settleMs,
    recordMs,
    followers,
    replaySeconds: seconds,
  }: FleetPlan & { upstream: string; more: string },
) {
  const recorder = await startRecorder(redis);
  const gate = await addSidecar(t, recorder.url, { upstream, more });
  await sleep(settleMs);
  const recording = await recorder.record(recordMs);
  await gate.end("SIGTERM");
  recorder.close();
  return replay(redis, recording, { followers, seconds });
}

async function measureHearing(t: Ending, { logouts }: FleetPlan): Promise<Part> {
  const redis = await startRedis(t as never);
  const {
    perFollowerUs,
    logouts: ofLogouts,
    total,
    share,
  } = await measureFollowedLogouts(t, redis, logouts);
  const what = `${logouts.perSecond} logouts a second, ${logouts.followers} followers with requests`;
  return {
    figures: {
      title: `Redis with ${what}`,
      columns: ["", ""],
      rows: [
        ["share of a core, readings without logouts", (total - ofLogouts).toFixed(2)],
        ["share of a core, with logouts", total.toFixed(2)],
        ["share of the readings that were made in time", share.toFixed(2)],
      ],
    },
    verdicts: [
      {
        what: "CPU of Redis a logout, for each sidecar that follows, µs",
        measured: perFollowerUs,
        target: { most: 1.5 },
      },
      {
        what: `share of a core of Redis that logouts take: ${what}`,
        measured: ofLogouts,
        target: { most: 0.5 },
      },
    ],
  };
}

async function measureChange(t: Ending, upstream: string, { epoch }: FleetPlan): Promise<Part> {
  const { seconds, cpu } = await measureEpochChange(t, upstream, epoch);
  const where = `${epoch.sidecars} sidecars, ${epoch.entries} entries`;
  return {
    figures: { title: "Change of epoch", columns: ["", ""], rows: [["measured with", where]] },
    verdicts: [
      {
        what: `from a new epoch in which nothing was lost to answers from memory, ${where}, s`,
        measured: seconds,
        target: { most: 1 },
      },
      {
        what: "CPU of Redis for it, s",
        measured: cpu,
        target: { most: Number((0.1 + 0.001 * epoch.sidecars).toFixed(3)) },
        digits: 3,
      },
    ],
  };
}

async function bytesPerEntry(redis: TestRedis): Promise<number> {
  const used = async () =>
    Number(/^used_memory:(\d+)/m.exec(await redis.client.info("memory"))?.[1]);
  const before = await used();
  await fillRedis(redis, 100_000, Math.floor(Date.now() / 1000) + 200_000);
  const bytes = (await used()) - before;
  await redis.client.flushall();
  return bytes / 100_000;
}

/** Those of the only sidecar; what looks where the address leads stays for a moment, and is not counted. */
async function connectionsOf({ client }: TestRedis): Promise<number> {
  return String(await client.client("LIST"))
    .split("\n")
    .filter((line) => line.includes(" name=revgate-")).length;
}

async function measureLogouts(
  t: Ending,
  gate: BuiltGate,
  { redis, idle, count }: { redis: TestRedis; idle: number; count: number },
) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  t.after(() => agent.destroy());
  const tokens = Array.from({ length: count }, () => makeToken());
  const [before, startedMs] = [await redisCpuUs(redis), performance.now()];
  let next = 0;
  const client = async () => {
    while (next < tokens.length) {
      const headers = { token: tokens[next++] ?? "" };
      const { status } = await send(`${gate.url}/logout`, { method: "POST", headers, agent });
      if (status !== 200) throw new Error(`a logout was answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: 64 }, client));
  const seconds = (performance.now() - startedMs) / 1000;
  const cpuUs = (await redisCpuUs(redis)) - before - idle * 1000 * seconds;
  const { text } = await send(`${gate.adminUrl}/metrics`);
  const [, size] = /^revgate_journal_size_bytes (\d+)/m.exec(text) ?? [];
  return {
    perSecond: count / seconds,
    cpuUs: cpuUs / count,
    journalBytes: Number(size) / count,
  };
}
