/**
 * Whole-process CPU per request of revgate beside bare forwarders, interleaved in one run.
 *
 *     npm run bench               three rounds of 50,000 requests after 50,000 to warm up
 *     npm run bench -- --quick    one round of 10,000 after 5,000
 *
 * Absolute figures are this machine's; the ratios are what counts. A difference under 10 % is none.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import autocannon from "autocannon";
import { writeConfig } from "../helpers/gate.ts";
import { type Reply, send } from "../helpers/http.ts";
import { repository } from "../helpers/program.ts";
import { freePort, startRedis } from "../helpers/redis.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";
import { searchProgram } from "../tools/programs.ts";
import { nginxConfig, nginxPackages } from "./contenders/nginx.ts";

const quick = process.argv.includes("--quick");
const plan = quick
  ? { rounds: 1, warmUp: 5_000, measured: 10_000 }
  : { rounds: 3, warmUp: 50_000, measured: 50_000 };
const connections = 64;

const taskset = availableParallelism() > 1 ? searchProgram(["taskset"]) : undefined;
const children: ChildProcess[] = [];
const cleanups: (() => unknown)[] = [];
const suite = { after: (cleanup: unknown) => void cleanups.push(cleanup as () => unknown) };

const node = process.execPath;

/** Starts a program on a core of its own where the system allows. */
function launch(core: number, command: readonly string[], env: NodeJS.ProcessEnv) {
  const pinned = taskset === undefined ? command : [taskset, "-c", String(core), ...command];
  const [file = "", ...rest] = pinned;
  const child = spawn(file, rest, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

/** The same for a program that prints its port; resolves with it. */
async function start(core: number, command: readonly string[], env: NodeJS.ProcessEnv) {
  const child = launch(core, command, env);
  for await (const line of createInterface({ input: child.stdout })) {
    const [, port] = /"port":(\d+)/.exec(line) ?? [];
    if (port === undefined) continue;
    child.stdout.resume();
    return { pid: child.pid ?? 0, url: `http://127.0.0.1:${port}` };
  }
  throw new Error(`${command.join(" ")} ended before it was ready`);
}

interface Contender {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly checks: boolean;
  readonly cpuMicroseconds: number[];
}

const script = (name: string) => [
  "--import",
  "tsx",
  join(repository, `test/bench/contenders/${name}.ts`),
];

async function startContenders(upstream: string): Promise<Contender[]> {
  const redis = await startRedis(suite);
  const directory = mkdtempSync(join(tmpdir(), "revgate-bench-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  const publicKeyFile = join(directory, "public.pem");
  writeFileSync(publicKeyFile, publicPem);

  const revgate = async (name: string, yaml: string) => {
    const home = join(directory, name.replace(/\W+/g, "-"));
    mkdirSync(home);
    await writeConfig(home, `log: { requests: none }\n${yaml}`, upstream);
    const args = [join(repository, "dist/cli.js"), "run", "--config", join(home, "revgate.yaml")];
    return { name, checks: true, cpuMicroseconds: [], ...(await start(0, [node, ...args], {})) };
  };
  const scripted = async (name: string, file: string, checks: boolean) => {
    const env = { UPSTREAM: upstream, REDIS: redis.url, PUBLIC_KEY: publicKeyFile };
    return { name, checks, cpuMicroseconds: [], ...(await start(0, [node, ...script(file)], env)) };
  };
  const nginx = async (name: string, remembers: boolean) => {
    const program = searchProgram(["nginx"]);
    if (program === undefined || !existsSync("/usr/lib/nginx/modules/ngx_http_lua_module.so")) {
      process.stderr.write(`without ${name}: apt-get install ${nginxPackages.join(" ")}\n`);
      return [];
    }
    const home = join(directory, `nginx-${remembers}`);
    mkdirSync(home);
    const port = await freePort();
    const upstreamPort = Number(new URL(upstream).port);
    const file = join(home, "nginx.conf");
    const options = { port, upstreamPort, redisPort: redis.port, publicKeyFile, remembers };
    writeFileSync(file, nginxConfig({ ...options, directory: home }));
    const child = launch(0, [program, "-p", home, "-c", file], {});
    const url = `http://127.0.0.1:${port}`;
    while (
      !(await fetch(url).then(
        () => true,
        () => false,
      ))
    );
    // The master does nothing; its one worker does the work.
    const { stdout } = spawnSync("pgrep", ["-P", String(child.pid)], { encoding: "utf8" });
    return [{ name, checks: true, cpuMicroseconds: [], pid: Number(stdout.trim()), url }];
  };
  const store = (more: string) =>
    `denylist: { dataDir: data, redis: { url: "${redis.url}"${more} } }`;
  return [
    await scripted("bare undici", "bare-undici", false),
    await revgate("revgate, embedded", ""),
    await revgate("revgate, Redis local", store("")),
    await revgate("revgate, Redis every-request", store(", reads: every-request")),
    await scripted("bare http-proxy", "bare-http-proxy", false),
    await scripted("Fastify", "fastify", true),
    await scripted("Express", "express", true),
    ...(await nginx("nginx + Lua, verifies each time", false)),
    ...(await nginx("nginx + Lua, remembers", true)),
  ];
}

/** Nobody is measured who does not do the work. */
async function prove({ name, url, checks }: Contender, token: string): Promise<void> {
  const expect = (reply: Reply, status: number, what: string) => {
    if (reply.status !== status) throw new Error(`${name}: ${what} is answered ${reply.status}`);
  };
  const call = (sent: string) => send(`${url}/me`, { headers: { token: sent } });
  while ((await call(token)).status === 503);
  expect(await call(token), 200, "a valid token");
  if (!checks) return;
  const revoked = makeToken();
  await send(`${url}/logout`, { method: "POST", headers: { token: revoked } });
  expect(await send(`${url}/me`), 401, "no token");
  expect(await call(`${token.slice(0, -8)}AAAAAAAA`), 401, "a forged token");
  expect(await call(makeToken({ iat: 1, exp: 2 })), 401, "an expired token");
  expect(await call(revoked), 401, "a revoked token");
}

const ticksPerSecond =
  Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout) || 100;

/** User and system time of a process since its start, in microseconds (proc(5), fields 14 and 15). */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

async function load(url: string, amount: number, tokens: readonly string[]): Promise<void> {
  const result = await autocannon({
    url,
    connections,
    amount,
    requests: tokens.map((token) => ({ method: "GET", path: "/me", headers: { token } })),
  });
  if (result.non2xx + result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} refused, ${result.errors} errors`);
  }
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function main(): Promise<void> {
  // Of about 700 bytes, as tokens with a few claims are.
  const tokens = Array.from({ length: 1000 }, (_, i) =>
    makeToken({ jti: `${i}`, pad: "x".repeat(150) }),
  );
  const application = await start(1, [node, ...script("application")], {});
  const contenders = await startContenders(application.url);
  for (const contender of contenders) {
    await prove(contender, tokens[0] ?? "");
    await load(contender.url, plan.warmUp, tokens);
  }
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const { url, pid, cpuMicroseconds } of contenders) {
      const before = cpuOf(pid);
      await load(url, plan.measured, tokens);
      cpuMicroseconds.push((cpuOf(pid) - before) / plan.measured);
    }
  }
  report(contenders);
}

/** What is promised: at most so many times the CPU of another contender. */
const targets: readonly (readonly [contender: string, other: string, most: number])[] = [
  ["revgate, embedded", "bare undici", 1.1],
  ["revgate, Redis local", "bare undici", 1.1],
  ["revgate, Redis every-request", "bare undici", 1.35],
  ["revgate, Redis local", "bare http-proxy", 0.55],
  ["revgate, Redis local", "Fastify", 0.5],
  ["revgate, Redis local", "Express", 0.2],
  ["revgate, Redis local", "nginx + Lua, verifies each time", 0.9],
  ["revgate, Redis local", "nginx + Lua, remembers", 2.2],
];

function report(contenders: readonly Contender[]): void {
  const of = new Map(
    contenders.map((contender) => [contender.name, median(contender.cpuMicroseconds)]),
  );
  const lines = contenders.map(({ name, cpuMicroseconds }) => {
    const [least, most] = [Math.min(...cpuMicroseconds), Math.max(...cpuMicroseconds)];
    return `| ${name} | ${(of.get(name) ?? 0).toFixed(0)} | ${least.toFixed(0)} to ${most.toFixed(0)} |`;
  });
  const verdicts = targets.flatMap(([contender, other, most]) => {
    const [one, two] = [of.get(contender), of.get(other)];
    if (one === undefined || two === undefined) return [];
    const ratio = one / two;
    const verdict = ratio <= most ? "holds" : "missed";
    return [`| ${contender} ÷ ${other} | ${ratio.toFixed(2)} | ${most} | ${verdict} |`];
  });
  const text = [
    `${connections} connections, ${plan.rounds} × ${plan.measured} requests after ${plan.warmUp}, Node ${process.version}${taskset === undefined ? ", not pinned" : ""}`,
    "",
    "| contender | CPU µs a request | spread |",
    "|---|---|---|",
    ...lines,
    "",
    "| ratio | measured | at most | |",
    "|---|---|---|---|",
    ...verdicts,
  ].join("\n");
  process.stdout.write(`${text}\n`);
  if (quick) return;
  const file = join(repository, "docs/benchmarks.md");
  const figures = /(<!-- figures -->\n)[\s\S]*(<!-- \/figures -->)/;
  writeFileSync(file, readFileSync(file, "utf8").replace(figures, `$1\n${text}\n\n$2`));
}

try {
  await main();
} finally {
  for (const child of children) {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  for (const cleanup of cleanups.reverse()) await cleanup();
}
