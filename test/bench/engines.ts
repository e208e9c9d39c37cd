/**
 * What a request costs on each engine (`server.engine`): CPU of the whole process.
 *
 *     npm run build && npx tsx test/bench/engines.ts     five rounds of new processes, in turn
 */
import { join } from "node:path";
import { engines } from "../../src/node-http/engine.ts";
import { writeConfig } from "../helpers/gate.ts";
import { repository } from "../helpers/program.ts";
import { makeToken } from "../helpers/tokens.ts";
import { cpuPerRequest, load } from "./load.ts";
import {
  endAll,
  keepOffTheContendersCore,
  makeDirectory,
  median,
  ratio,
  type Started,
  script,
  start,
} from "./processes.ts";

const rounds = 5;
const amount = 20_000;

async function startOn(engine: string, upstream: string): Promise<Started> {
  const home = makeDirectory();
  await writeConfig(home, `log: { requests: none }\nserver: { engine: ${engine} }`, upstream);
  const args = [join(repository, "dist/cli.js"), "run", "--config", join(home, "revgate.yaml")];
  return start(0, [process.execPath, ...args]);
}

async function main(): Promise<void> {
  keepOffTheContendersCore();
  const tokens = Array.from({ length: 1000 }, (_, i) =>
    makeToken({ jti: `${i}`, pad: "x".repeat(150) }),
  );
  const kinds = {
    forwarded: { tokens, expected: 200 },
    "refused: missing": { tokens: [undefined], expected: 401 },
    "refused: malformed": { tokens: ["no.token.at-all"], expected: 401 },
  } as const;
  const { url: upstream } = await start(1, script("contenders/application"));
  const costs = Object.fromEntries(
    engines.map((engine) => [engine, Object.keys(kinds).map((): number[] => [])]),
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const engine of engines) {
      const started = await startOn(engine, upstream);
      for (const [i, sent] of Object.values(kinds).entries()) {
        await load({ url: started.url, amount, ...sent });
        costs[engine]?.[i]?.push(await cpuPerRequest(started, { amount, ...sent }));
      }
      await started.stop();
    }
  }
  const rows = Object.keys(kinds).map((kind, i) => {
    const [direct = [], node = []] = engines.map((engine) => costs[engine]?.[i] ?? []);
    const figures = [median(direct), median(node)].map((value) => value.toFixed(1));
    return `| ${[kind, ...figures, ratio(node, direct).toFixed(2)].join(" | ")} |`;
  });
  const head = ["| CPU, µs a request | direct | node | node ÷ direct |", "|---|---|---|---|"];
  process.stdout.write(`${[...head, ...rows].join("\n")}\n`);
}

try {
  await main();
} finally {
  await endAll();
}
