/**
 * What clients notice of a flood of different forged tokens, for docs/security.md.
 *
 *     npm run forged -- --share 50 --seconds 8
 *
 * wrk sends them over 64 connections, as fast as they are answered. Prints, without and with the flood, how long
 * requests take whose token is known, and those with a new token from another address. `--program` measures another
 * build.
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
    share: { type: "string", default: "" },
    seconds: { type: "string", default: "8" },
    program: { type: "string", default: join(repository, "dist/cli.js") },
  },
});
const seconds = Number(values.seconds);
const everyMs = 5;

async function startGate(upstream: string): Promise<Started> {
  const home = makeDirectory();
  const limits = values.share === "" ? "" : `limits: { signatureCheckShare: ${values.share} }\n`;
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

/** Sends one of either kind every few milliseconds, whatever has been answered by then, until told to stop. */
async function measure(gate: Started, hasEnded: () => boolean): Promise<string> {
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
    return [0.5, 0.99].map((share) => quantile(all, share).toFixed(1)).join(" and ");
  };
  const told = [`known p50 and p99 ${await of("known")} ms`, `new ${await of("fresh")} ms`];
  agent.destroy();
  return [...told, `${(used * 100).toFixed(0)} % of a core`].join(", ");
}

try {
  keepOffTheContendersCore();
  const application = await start(1, script("contenders/application"));
  const gate = await startGate(application.url);
  const quietUntilMs = performance.now() + seconds * 500;
  const quiet = await measure(gate, () => performance.now() > quietUntilMs);
  process.stdout.write(`without a flood: ${quiet}\n`);
  const attacker = flood(gate.url);
  let said = "";
  attacker.stdout.on("data", (chunk) => {
    said += chunk;
  });
  let isOver = false;
  const over = once(attacker, "close").then(() => {
    isOver = true;
  });
  const flooded = await measure(gate, () => isOver);
  await over;
  const [, rate] = /Requests\/sec:\s*([\d.]+)/.exec(said) ?? [];
  process.stdout.write(`with ${rate} forged tokens a second: ${flooded}\n`);
  const { text } = await send(`${gate.adminUrl}/metrics`);
  process.stdout.write(`${text.match(/^revgate_signature_check\w+(?:{.*})? .*$/gm)?.join("\n")}\n`);
} finally {
  await endAll();
}
