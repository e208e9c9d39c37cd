/**
 * What clients notice of a flood of different forged tokens: the table of docs/security.md.
 *
 *     npm run forged -- --seconds 5
 *     npm run forged -- --shares 50 --program other/dist/cli.js
 *
 * wrk sends them over 64 connections, as fast as they are answered, on a core of its own. Per share of a core that
 * signatures may take (`limits.signatureCheckShare`; 100 bounds nothing), a column says how long requests take whose token is
 * known, and those with a new token from another address. `--program` measures another build.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { repository } from "../helpers/program.ts";
import { makeToken } from "../helpers/tokens.ts";
import { findProgram } from "../tools/programs.ts";
import {
  cpuOf,
  endAll,
  keepOffTheContendersCore,
  launch,
  makeDirectory,
  quantile,
  type Started,
  script,
  start,
} from "./processes.ts";

const { values } = parseArgs({
  options: {
    shares: { type: "string", default: "100,50,25" },
    seconds: { type: "string", default: "5" },
    program: { type: "string", default: join(repository, "dist/cli.js") },
  },
});
const seconds = Number(values.seconds);
const everyMs = 5;
const rows = [
  "",
  "forged tokens a second",
  "known tokens, p50 and p99",
  "new tokens of others, p50 and p99",
  "share of a core, all in all",
];

async function startGate(upstream: string, share: string): Promise<Started> {
  const home = makeDirectory();
  const limits = `limits: { signatureCheckShare: ${share} }\n`;
  await writeConfig(home, `log: { requests: none }\n${limits}`, upstream);
  const args = [values.program, "run", "--config", join(home, "revgate.yaml")];
  return start(0, [process.execPath, ...args]);
}

/** Each request carries a signature of its own, of the right length. */
function flood(url: string) {
  const file = join(makeDirectory(), "forged.lua");
  const [head, payload, signature = ""] = makeToken().split(".");
  const text = `local i = 0
request = function()
  i = i + 1
  return wrk.format("GET", "/me", { token = "${head}.${payload}." .. string.format("%016d", i) .. "${signature.slice(16)}" })
end
`;
  writeFileSync(file, text);
  const wrk = findProgram(["wrk"]);
  return launch(1, [wrk, "-t1", "-c64", `-d${seconds}s`, "-s", file, url]);
}

/** Milliseconds of one request. */
function time(url: string, token: string, agent: http.Agent): Promise<number> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.get(`${url}/me`, { headers: { token }, agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`));
      response.resume().on("end", () => resolve(performance.now() - startedMs));
    });
    request.on("error", reject);
  });
}

/** A column but for its title and the flood, in the order of the rows. */
type Figures = readonly [known: string, fresh: string, share: string];

/** Sends one of either kind every few milliseconds, whatever has been answered by then, until told to stop. */
async function measure(gate: Started, hasEnded: () => boolean): Promise<Figures> {
  const agent = new http.Agent({ keepAlive: true, localAddress: "127.0.0.2" });
  const known = makeToken();
  await time(gate.url, known, agent);
  const fresh = Array.from({ length: (seconds * 1000) / everyMs / 10 }, () => makeToken());
  const times: Record<"known" | "fresh", Promise<number>[]> = { known: [], fresh: [] };
  const [cpu, startedMs] = [cpuOf(gate.pid), performance.now()];
  while (!hasEnded()) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    times.known.push(time(gate.url, known, agent));
    const next = times.known.length % 10 === 0 ? fresh.pop() : undefined;
    if (next !== undefined) times.fresh.push(time(gate.url, next, agent));
  }
  const used = (cpuOf(gate.pid) - cpu) / ((performance.now() - startedMs) * 1000);
  const of = async (kind: keyof typeof times) => {
    const all = await Promise.all(times[kind]);
    return `${[0.5, 0.99].map((share) => quantile(all, share).toFixed(0)).join(" and ")} ms`;
  };
  const figures = [await of("known"), await of("fresh"), `${(used * 100).toFixed(0)} %`] as const;
  agent.destroy();
  return figures;
}

/** A column: what clients see while the flood lasts. */
async function measureFlooded(gate: Started): Promise<readonly [rate: string, ...Figures]> {
  const attacker = flood(gate.url);
  let said = "";
  attacker.stdout.on("data", (chunk) => {
    said += chunk;
  });
  let isOver = false;
  const over = once(attacker, "close").then(() => {
    isOver = true;
  });
  const figures = await measure(gate, () => isOver);
  await over;
  const [, rate] = /Requests\/sec:\s*([\d.]+)/.exec(said) ?? [];
  return [Math.round(Number(rate)).toLocaleString("en"), ...figures];
}

try {
  keepOffTheContendersCore();
  const application = await start(1, script("contenders/application"));
  const columns: (readonly string[])[] = [];
  for (const share of values.shares.split(",")) {
    const gate = await startGate(application.url, share);
    if (columns.length === 0) {
      const quietUntilMs = performance.now() + seconds * 500;
      const quiet = await measure(gate, () => performance.now() > quietUntilMs);
      columns.push(["without a flood", "0", ...quiet]);
    }
    const title = share === "100" ? "unbounded" : `${share} %`;
    columns.push([title, ...(await measureFlooded(gate))]);
    const { text } = await send(`${gate.adminUrl}/metrics`);
    const waits = text.match(/^revgate_signature_check\w+(?:{.*})? .*$/gm) ?? [];
    process.stderr.write(`${title}: ${waits.join(", ")}\n`);
  }
  for (const [at, name] of rows.entries()) {
    process.stdout.write(`| ${[name, ...columns.map((column) => column[at])].join(" | ")} |\n`);
    if (at === 0) process.stdout.write(`|---${columns.map(() => "|---").join("")}|\n`);
  }
} finally {
  await endAll();
}
