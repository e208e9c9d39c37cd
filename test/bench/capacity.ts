/**
 * What sidecars cost the Redis that they share, for docs/capacity.md: `npm run capacity`. Takes about 80 seconds.
 */
import { readFileSync } from "node:fs";
import { Agent, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { untilReady, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { type BuiltGate, startBuiltGate } from "../helpers/program.ts";
import { fillRedis, startRedis, type TestRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { measureFollowers, redisCpuUs } from "./followers.ts";

const cleanups: (() => unknown)[] = [];
const t = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) };
const tell = (what: string, figure: number) =>
  process.stdout.write(`${what}: ${figure.toFixed(figure < 10 ? 1 : 0)}\n`);

/** Milliseconds of CPU that a process has used; the kernel counts in ticks of 10 ms. */
function cpuMs(pid: number): number {
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user, system] = fields.split(" ").slice(11, 13).map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10;
}

async function redisInfo({ client }: TestRedis, section: string, name: string): Promise<number> {
  const [, value] = new RegExp(`^${name}:(\\d+)`, "m").exec(await client.info(section)) ?? [];
  return Number(value);
}

async function measureMemory(redis: TestRedis): Promise<void> {
  const before = await redisInfo(redis, "memory", "used_memory");
  await fillRedis(redis, 100_000, Math.floor(Date.now() / 1000) + 200_000);
  const bytes = (await redisInfo(redis, "memory", "used_memory")) - before;
  tell("bytes of Redis a revocation", bytes / 100_000);
  await redis.client.flushall();
}

async function addSidecar(redis: TestRedis, upstream: string): Promise<BuiltGate> {
  const directory = temporaryDirectory(t);
  const store = `denylist: { dataDir: data, redis: { url: "${redis.url}" } }`;
  await writeConfig(directory, `log: { requests: none }\n${store}`, upstream);
  const gate = await startBuiltGate(t, `${directory}/revgate.yaml`);
  await untilReady(gate);
  return gate;
}

/** CPU of Redis a second, while its sidecars have nothing to do, and of each of them. */
async function measureIdle(redis: TestRedis, gates: readonly BuiltGate[], seconds = 10) {
  // Until they read the feed as if no request came (decision 0052).
  await sleep(9000);
  const own = () => gates.reduce((sum, { child }) => sum + cpuMs(child.pid ?? 0), 0);
  const [before, ownBefore] = [await redisCpuUs(redis), own()];
  await sleep(seconds * 1000);
  return {
    redis: ((await redisCpuUs(redis)) - before) / 1000 / seconds,
    own: (own() - ownBefore) / seconds / gates.length,
  };
}

/** What followers send, by thousands of connections: two for each of a thousand sidecars. */
async function tellFollowers(redis: TestRedis): Promise<void> {
  const connections = 2000;
  const { get, steady, full, name } = await measureFollowers(redis, connections);
  tell(`CPU of Redis a plain GET on ${connections} connections, µs`, get);
  tell("CPU of Redis a reading that only proves, µs", steady);
  tell("  that is, times a GET (to reach: 1.5)", steady / get);
  tell("CPU of Redis a full reading, µs", full);
  tell("CPU of Redis a look at where its address leads, µs", name);
}

async function measureLogouts(gate: BuiltGate, pid: number, idle: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  t.after(() => agent.destroy());
  const tokens = Array.from({ length: 3000 }, () => makeToken());
  const [before, startedMs] = [cpuMs(pid), performance.now()];
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
  tell("logouts a second at one sidecar, 64 at once", tokens.length / seconds);
  const own = cpuMs(pid) - before - idle * seconds;
  tell("CPU of Redis a logout, told to all sidecars, µs", (own / tokens.length) * 1000);
  const { text } = await send(`${gate.adminUrl}/metrics`);
  const [, size] = /^revgate_journal_size_bytes (\d+)/m.exec(text) ?? [];
  tell("bytes of journal a revocation", Number(size) / tokens.length);
}

try {
  const application = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
  t.after(() => application.close());
  const upstream = `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
  const redis = await startRedis(t);
  const pid = await redisInfo(redis, "server", "process_id");
  await measureMemory(redis);
  const gates = [await addSidecar(redis, upstream)] as [BuiltGate, ...BuiltGate[]];
  await tellFollowers(redis);
  const one = await measureIdle(redis, gates);
  while (gates.length < 8) gates.push(await addSidecar(redis, upstream));
  const eight = await measureIdle(redis, gates);
  tell(
    "CPU of Redis a second for each idle sidecar, ms (to reach: 0.25)",
    (eight.redis - one.redis) / 7,
  );
  tell("CPU of an idle sidecar itself a second, ms (to reach: 5)", eight.own);
  await measureLogouts(gates[0], pid, eight.redis);
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
