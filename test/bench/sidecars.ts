import { setTimeout as sleep } from "node:timers/promises";
import { send } from "../helpers/http.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { redisStore, startRevgate } from "./contenders.ts";
import { cpuPerRequest, type Load, load } from "./load.ts";
import { cpuOf, median, ratio, run, type Started } from "./processes.ts";
import type { Part } from "./report.ts";

const idleMs = 5000;

/**
 * What it costs two sidecars that are busy at the same time to have one Redis, and what one costs that has
 * nothing to do.
 *
 * Beside two that share nothing: two processes on one core cost each other something by themselves.
 */
export async function measureSidecars(
  upstream: string,
  { tokens, rounds, amount }: { tokens: readonly string[]; rounds: number; amount: number },
): Promise<Part> {
  // Of their own: what other contenders ask of it would be counted, too.
  const redis = await startRedis(run);
  const sent = { amount, tokens, expected: 200 } as const;
  const ready = async (store?: string) => {
    const sidecar = await startRevgate(upstream, store);
    const headers = { token: tokens[0] ?? "" };
    while ((await send(`${sidecar.url}/me`, { headers })).status === 503);
    await load({ url: sidecar.url, ...sent });
    return sidecar;
  };
  const apart = [await ready(), await ready()];
  const one = await ready(redisStore(redis));
  const sharing = [one, await ready(redisStore(redis))];
  const costs = { alone: [] as number[], apart: [] as number[], sharing: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    costs.alone.push(await cpuPerRequest(one, sent));
    costs.apart.push(await cpuOfTogether(apart, sent));
    costs.sharing.push(await cpuOfTogether(sharing, sent));
  }
  const idle = await measureIdle(one.pid, redis);
  for (const { stop } of [...apart, ...sharing]) await stop();
  return {
    figures: {
      title: "Several sidecars",
      columns: ["", ""],
      rows: [
        ["CPU a request, one busy, µs", median(costs.alone).toFixed(1)],
        ["CPU a request, two busy on one core, nothing shared, µs", median(costs.apart).toFixed(1)],
        ["CPU a request, two busy on one core and one Redis, µs", median(costs.sharing).toFixed(1)],
        ["CPU of a sidecar that has nothing to do, ms a second", idle.cpuMs.toFixed(1)],
        [
          "commands that Redis counts for it a second, those within scripts included",
          idle.commands.toFixed(1),
        ],
      ],
    },
    verdicts: [
      {
        what: "CPU a request: two busy sidecars on one Redis ÷ two that share nothing",
        measured: ratio(costs.sharing, costs.apart),
        target: { most: 1.1 },
      },
    ],
  };
}

/** CPU a request of several that are busy at the same time, in microseconds. */
async function cpuOfTogether(
  sidecars: readonly Started[],
  sent: Omit<Load, "url">,
): Promise<number> {
  const spent = () => sidecars.reduce((sum, { pid }) => sum + cpuOf(pid), 0);
  const before = spent();
  const answered = await Promise.all(sidecars.map(({ url }) => load({ url, ...sent })));
  return (spent() - before) / answered.reduce((sum, count) => sum + count, 0);
}

/** What a sidecar takes of a second in which no request comes. */
async function measureIdle(pid: number, { client }: TestRedis) {
  const commands = async () =>
    Number(/total_commands_processed:(\d+)/.exec(await client.info("stats"))?.[1]);
  const [cpuBefore, commandsBefore] = [cpuOf(pid), await commands()];
  await sleep(idleMs);
  const seconds = idleMs / 1000;
  return {
    cpuMs: (cpuOf(pid) - cpuBefore) / 1000 / seconds,
    commands: ((await commands()) - commandsBefore) / seconds / 2,
  };
}
