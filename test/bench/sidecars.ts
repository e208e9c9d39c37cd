import { setTimeout as sleep } from "node:timers/promises";
import { send } from "../helpers/http.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { redisStore, startRevgate } from "./contenders.ts";
import { cpuPerRequest, load } from "./load.ts";
import { cpuOf, median, run } from "./processes.ts";
import type { Part } from "./report.ts";

const idleMs = 5000;

/** What a second sidecar on the same Redis costs the first, and what one costs that has nothing to do. */
export async function measureSidecars(
  upstream: string,
  { tokens, rounds, amount }: { tokens: readonly string[]; rounds: number; amount: number },
): Promise<Part> {
  // Of their own: what other contenders ask of it would be counted, too.
  const redis = await startRedis(run);
  const one = await startRevgate(upstream, redisStore(redis));
  const two = await startRevgate(upstream, redisStore(redis));
  const sent = { amount, tokens, expected: 200 } as const;
  for (const { url } of [one, two]) {
    const headers = { token: tokens[0] ?? "" };
    while ((await send(`${url}/me`, { headers })).status === 503);
    await load({ url, ...sent });
  }
  const alone: number[] = [];
  const together: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    alone.push(await cpuPerRequest(one, sent));
    const before = cpuOf(one.pid) + cpuOf(two.pid);
    const answered = await Promise.all([one, two].map(({ url }) => load({ url, ...sent })));
    const spent = cpuOf(one.pid) + cpuOf(two.pid) - before;
    together.push(spent / answered.reduce((sum, count) => sum + count, 0));
  }
  const idle = await measureIdle(one.pid, redis);
  return {
    figures: {
      title: "Several sidecars on one Redis",
      columns: ["", ""],
      rows: [
        ["CPU a request, one sidecar busy, µs", median(alone).toFixed(1)],
        ["CPU a request, two sidecars busy at the same time, µs", median(together).toFixed(1)],
        ["CPU of a sidecar that has nothing to do, ms a second", idle.cpuMs.toFixed(1)],
        [
          "commands that Redis counts for it a second, those within scripts included",
          idle.commands.toFixed(1),
        ],
      ],
    },
    verdicts: [
      {
        what: "CPU a request: two sidecars busy on one Redis ÷ one",
        measured: median(together) / median(alone),
        target: { most: 1.1 },
      },
    ],
  };
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
