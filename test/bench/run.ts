/**
 * revgate beside bare forwarders and what else a team would put together, interleaved in one run.
 *
 *     npm run bench               three rounds of new processes, 50,000 requests after as many, and the table
 *     npm run bench -- --quick    forwarding and refusals alone, one round of a second after as many
 *     npm run bench -- --store        what a store of millions does, alone
 *     npm run bench -- --protocols    HTTP/2, gRPC and the gateways' port alone: three rounds of 20,000 requests after
 *                                     10,000; with --quick, one of 10,000 after 5,000
 *
 * CPU is that of whole processes. Absolute figures are this machine's; the ratios are what counts. A
 * difference under 10 % is none.
 */
import { parseArgs } from "node:util";
import { startRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { type Contender, listContenders, prove } from "./contenders.ts";
import { connections, cpuPerRequest, type Load, latencies, load, loader } from "./load.ts";
import { measureMillion } from "./million.ts";
import {
  endAll,
  keepOffTheContendersCore,
  median,
  quantile,
  ratio,
  run,
  runScript,
  type Started,
  script,
  start,
  taskset,
} from "./processes.ts";
import { measureProtocols } from "./protocols.ts";
import { type Part, renderReport, type Verdict, writeReport } from "./report.ts";
import { measureSidecars } from "./sidecars.ts";

const {
  values: { quick, protocols, store },
} = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    protocols: { type: "boolean", default: false },
    store: { type: "boolean", default: false },
  },
});
const plan = quick
  ? { rounds: 1, warmUp: 1000, measured: 1000, tokens: 200, refused: 30 }
  : { rounds: 3, warmUp: 50_000, measured: 50_000, tokens: 1000, refused: 200 };

/** At most so many times the CPU of another contender. */
const forwardingTargets: readonly (readonly [contender: string, other: string, most?: number])[] = [
  ["revgate, embedded", "bare undici", 1.1],
  ["revgate, Redis local", "bare undici", 1.1],
  ["revgate, Redis local", "bare http-proxy", 0.55],
  ["revgate, Redis every-request", "bare undici", 1.35],
  ["revgate, Redis local", "Fastify", 0.5],
  ["revgate, Redis local", "Express", 0.2],
  ["revgate, Redis local", "nginx + Lua, verifies each time", 0.9],
  ["revgate, Redis local", "nginx + Lua, remembers", 1.0],
  ["revgate, Redis local", "HAProxy, verifies each time, no store"],
];

/** Each round has new processes: what one has compiled to, and where its memory lies, differs from the next. */
async function measureForwarding(
  contenders: readonly Contender[],
  tokens: readonly string[],
): Promise<Part> {
  const costs = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  const sent = { tokens, expected: 200 } as const;
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const contender of contenders) {
      const started = await contender.start();
      await prove(contender, started, tokens[0] ?? "");
      await load({ url: started.url, amount: plan.warmUp, ...sent });
      const cost = await cpuPerRequest(started, { amount: plan.measured, ...sent });
      costs.get(contender.name)?.push(cost);
      await started.stop();
    }
  }
  return {
    figures: {
      title: `CPU of a forwarded request: ${connections} connections (${loader}), ${plan.rounds} processes, of each ${plan.measured} requests or more after ${plan.warmUp}${taskset === undefined ? ", not pinned" : ""}`,
      columns: ["contender", "µs", "spread"],
      rows: [...costs].map(([name, each]) => [name, ...spreadOf(each)]),
    },
    verdicts: forwardingTargets.flatMap(([contender, other, most]) => {
      const [one, two] = [costs.get(contender), costs.get(other)];
      if (one === undefined || two === undefined) return [];
      const verdict = { what: `CPU: ${contender} ÷ ${other}`, measured: ratio(one, two) };
      return [most === undefined ? verdict : { ...verdict, target: { most } }];
    }),
  };
}

/** The median, and the lowest and highest. */
function spreadOf(values: readonly number[]): [middle: string, spread: string] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return [median(values).toFixed(1), `${least.toFixed(1)} to ${most.toFixed(1)}`];
}

async function measureRefusals(contender: Contender, tokens: readonly string[]): Promise<Part> {
  const forge = (token: string) => `${token.slice(0, -8)}AAAAAAAA`;
  const several = Array.from({ length: plan.refused }, (_, i) =>
    makeToken({ jti: `r${i}`, pad: "x".repeat(150) }),
  );
  const expired = several.map((_, i) =>
    makeToken({ iat: 1, exp: 2, jti: `e${i}`, pad: "x".repeat(150) }),
  );
  const kinds: readonly (readonly [what: string, tokens: readonly (string | undefined)[]])[] = [
    ["a missing token", [undefined]],
    ["a malformed token", several.map((token) => token.replace(".", "!"))],
    ["an expired token", expired],
    ["a revoked token", several],
    ["a forged token, again", several.map(forge)],
  ];
  const allowed: number[] = [];
  const costs = kinds.map(() => [] as number[]);
  for (let round = 0; round < plan.rounds; round += 1) {
    const started = await contender.start();
    await prove(contender, started, tokens[0] ?? "");
    for (const token of several) {
      await fetch(`${started.url}/logout`, { method: "POST", headers: { token } });
    }
    const measure = async (sent: Pick<Load, "tokens" | "expected">) => {
      await load({ url: started.url, amount: plan.warmUp, ...sent });
      return cpuPerRequest(started, { amount: plan.measured, ...sent });
    };
    allowed.push(await measure({ tokens, expected: 200 }));
    for (const [i, [, sent]] of kinds.entries()) {
      costs[i]?.push(await measure({ tokens: sent, expected: 401 }));
    }
    await started.stop();
  }
  return {
    figures: {
      title: `CPU of a refusal, beside ${median(allowed).toFixed(1)} µs for a request that is allowed`,
      columns: ["refused for", "µs", "spread"],
      rows: kinds.map(([what], i) => [what, ...spreadOf(costs[i] ?? [])]),
    },
    verdicts: kinds.map(([what], i) => ({
      what: `CPU: refusing ${what} ÷ allowing`,
      measured: ratio(costs[i] ?? [], allowed),
      target: { most: 0.5 },
    })),
  };
}

async function measureLatency(
  contenders: readonly Contender[],
  tokens: readonly string[],
): Promise<Part> {
  const compared = contenders.filter(({ name }) =>
    ["bare undici", "revgate, Redis local", "revgate, Redis every-request"].includes(name),
  );
  const processes: Started[] = [];
  for (const contender of compared) {
    const started = await contender.start();
    await prove(contender, started, tokens[0] ?? "");
    processes.push(started);
  }
  const medians = compared.map(() => [] as number[]);
  for (let round = 0; round < 5; round += 1) {
    for (const [i, { url }] of processes.entries()) {
      medians[i]?.push(quantile(await latencies(url, 3000, tokens), 0.5));
    }
  }
  for (const { stop } of processes) await stop();
  const [floor = [], local = []] = medians;
  return {
    figures: {
      title: "Latency at one connection, medians of five times 3,000 requests",
      columns: ["contender", "p50, µs"],
      rows: compared.map(({ name }, i) => [name, median(medians[i] ?? []).toFixed(0)]),
    },
    verdicts: [
      {
        what: "p50 at one connection: revgate, Redis local ÷ bare undici",
        measured: ratio(local, floor),
        target: { most: 1.1 },
      },
    ],
  };
}

async function measureStore(upstream: string, tokens: readonly string[]): Promise<Part> {
  const sizes: Record<string, number>[] = [];
  for (let i = 0; i < 5; i += 1) sizes.push(await runScript(script("table-size", "--expose-gc")));
  const of = (name: string) => median(sizes.map((size) => size[name] ?? Number.NaN));
  const { syncMs = 0, perSecond = 0, perSync = 0 } = await runScript(script("durability"));
  const durable: Verdict =
    syncMs <= 1
      ? {
          what: "durable revocations a second, 64 at once",
          measured: perSecond,
          target: { least: 5000 },
          digits: 0,
        }
      : {
          what: "durable revocations an fsync, 64 at once",
          measured: perSync,
          target: { least: 20 },
          digits: 0,
        };
  const bytes = of("bytes");
  const million = await measureMillion(upstream, tokens);
  return {
    ...million,
    verdicts: [
      {
        what: "bytes of memory a revocation, at 1,000,000",
        measured: bytes,
        target: { most: 40 },
        digits: 1,
      },
      {
        what: "memory of 50,000,000 revocations (as many times that), MB",
        measured: bytes * 50,
        target: { most: 400 },
        digits: 0,
      },
      { what: "look-up that finds, ns", measured: of("hitNanoseconds"), digits: 0 },
      { what: "look-up that finds nothing, ns", measured: of("missNanoseconds"), digits: 0 },
      { what: "insertion, ns", measured: of("addNanoseconds"), digits: 0 },
      durable,
      { what: "fsync, ms", measured: syncMs },
      ...million.verdicts,
    ],
  };
}

async function main(): Promise<void> {
  // Of about 700 bytes, as tokens with a few claims are.
  keepOffTheContendersCore();
  const tokens = Array.from({ length: plan.tokens }, (_, i) =>
    makeToken({ jti: `${i}`, pad: "x".repeat(150) }),
  );
  const application = await start(1, script("contenders/application"));
  const redis = await startRedis(run);
  const contenders = listContenders({ upstream: application.url, redis });
  const local = contenders.find(({ name }) => name === "revgate, Redis local");
  if (local === undefined) throw new Error("revgate is missing");
  const sidecars = { tokens, rounds: plan.rounds, amount: plan.measured };
  // A second of CPU or more each; with as many requests as elsewhere, thirteen ways would take ten minutes.
  const planOfProtocols = quick
    ? { ...plan, warmUp: 5000, measured: 10_000 }
    : { ...plan, warmUp: 10_000, measured: 20_000 };
  const inProtocols = () => measureProtocols(tokens[0] ?? "", planOfProtocols);
  const inStore = () => measureStore(application.url, tokens);
  const alone = [...(protocols ? [inProtocols] : []), ...(store ? [inStore] : [])];
  const isWhole = !quick && alone.length === 0;
  const measurements =
    alone.length > 0
      ? alone
      : [() => measureForwarding(contenders, tokens), () => measureRefusals(local, tokens)];
  if (isWhole) {
    measurements.push(
      inProtocols,
      () => measureLatency(contenders, tokens),
      () => measureSidecars(application.url, sidecars),
      inStore,
    );
  }
  const parts: Part[] = [];
  for (const measure of measurements) {
    const part = await measure();
    // What took minutes to measure is not lost where something goes wrong later.
    process.stderr.write(`${renderReport([part])}\n\n`);
    parts.push(part);
  }
  const text = renderReport(parts);
  process.stdout.write(`${text}\n`);
  if (isWhole) writeReport("docs/benchmarks.md", text);
}

try {
  await main();
} finally {
  await endAll();
}
