/**
 * What clients notice if Redis is another server all at once, or empty, while sidecars know many revocations.
 *
 *     npm run recovery -- --event moved --entries 1000000 --sidecars 4
 *     npm run recovery -- --event flushall --entries 200000 --sidecars 2
 *
 * `moved`: nothing is lost (as with a first replica, or a failover that lost nothing). `flushall`: all is lost, and a
 * newcomer without any data starts in that moment. Prints milliseconds since the event, and seconds of CPU.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startApplication } from "../helpers/application.ts";
import { send } from "../helpers/http.ts";
import { fillRedis, startRedis, type TestRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { redisStore, startRevgate } from "./contenders.ts";
import { cpuOf, endAll, run, type Started } from "./processes.ts";

const events = {
  moved: ({ client }: TestRedis) => client.call("DEBUG", "CHANGE-REPL-ID"),
  flushall: ({ client }: TestRedis) => client.flushall(),
} as const;
const { values } = parseArgs({
  options: {
    event: { type: "string", default: "moved" },
    entries: { type: "string", default: "1000000" },
    sidecars: { type: "string", default: "4" },
  },
});
const event = values.event === "flushall" ? "flushall" : "moved";
const count = Number(values.entries);
const askEveryMs = 20;
const quietMs = 2000;

/** What one sidecar answered to a live token. */
interface Answers {
  asked: number;
  refused: number;
  lastRefusedMs: number;
}

async function entriesOf({ adminUrl }: Started): Promise<number> {
  const { text } = await send(`${adminUrl}/metrics`);
  return Number(/^revgate_denylist_entries (\d+)$/m.exec(text)?.[1]);
}

const isReady = async ({ adminUrl }: Started) => (await send(`${adminUrl}/readyz`)).status === 200;

/** Asks a sidecar all the time, until `isOver`. */
async function ask({ url }: Started, sinceMs: () => number, isOver: () => boolean) {
  const answers: Answers = { asked: 0, refused: 0, lastRefusedMs: 0 };
  const headers = { token: makeToken() };
  while (!isOver()) {
    const { status } = await send(`${url}/me`, { headers });
    answers.asked += 1;
    if (status !== 200)
      Object.assign(answers, {
        refused: answers.refused + 1,
        lastRefusedMs: Math.round(sinceMs()),
      });
    await sleep(askEveryMs);
  }
  return answers;
}

async function redisCpu({ client }: TestRedis): Promise<number> {
  const parts = [...(await client.info("cpu")).matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)];
  return parts.reduce((sum, [, seconds]) => sum + Number(seconds), 0);
}

/** On whichever core is free: each sidecar has one where its pod runs. */
const startOne = (upstream: string, redis: TestRedis) =>
  startRevgate(upstream, redisStore(redis), { core: "any" });

/** Sidecars that know all entries, and are whole. */
async function startSidecars(upstream: string, redis: TestRedis): Promise<Started[]> {
  const first = await startOne(upstream, redis);
  await until(() => isReady(first));
  await first.stop();
  await fillRedis(redis, count, Math.floor(Date.now() / 1000) + 100_000);
  const sidecars: Started[] = [];
  while (sidecars.length < Number(values.sidecars)) {
    const sidecar = await startOne(upstream, redis);
    sidecars.push(sidecar);
    await until(async () => (await isReady(sidecar)) && (await entriesOf(sidecar)) >= count);
  }
  // They have heard of each other.
  await sleep(5000);
  return sidecars;
}

const application = await startApplication(run as never);
const redis = await startRedis(run, [
  ...["--enable-debug-command", "local", "--lazyfree-lazy-user-flush", "yes"],
]);
const sidecars = await startSidecars(application.url, redis);
const epoch = await redis.client.get("revgate:epoch");
let startedMs = performance.now();
let over = false;
const sinceMs = () => performance.now() - startedMs;
const probes = sidecars.map((sidecar) => ask(sidecar, sinceMs, () => over));
await sleep(500);
const before = [await redisCpu(redis), ...sidecars.map(({ pid }) => cpuOf(pid) / 1e6)];
startedMs = performance.now();
await events[event](redis);
const newcomer = event === "flushall" ? startOne(application.url, redis) : undefined;
await until(async () => {
  const now = await redis.client.get("revgate:epoch");
  return now !== null && now !== epoch && (await redis.client.exists("revgate:grace")) === 0;
});
const filledMs = Math.round(sinceMs());
const started = await newcomer;
if (started) await until(() => isReady(started));
const newcomerMs = started && Math.round(sinceMs());
const after = [await redisCpu(redis), ...sidecars.map(({ pid }) => cpuOf(pid) / 1e6)];
await sleep(quietMs);
over = true;
const answers = await Promise.all(probes);
const cpuSeconds = after.map((seconds, index) =>
  Number((seconds - (before[index] ?? 0)).toFixed(2)),
);
const [ofRedis, ...ofSidecars] = cpuSeconds;
const keys = await redis.client.dbsize();
process.stdout.write(
  `${JSON.stringify({ event, entries: count, sidecars: sidecars.length, filledMs, newcomerMs, keys, answers, cpuSeconds: { redis: ofRedis, sidecars: ofSidecars } })}\n`,
);
await endAll();
process.exit(0);
