import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeConfig } from "../helpers/gate.ts";
import { type Reply, send } from "../helpers/http.ts";
import { repository } from "../helpers/program.ts";
import { freePort, type TestRedis } from "../helpers/redis.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";
import { searchProgram } from "../tools/programs.ts";
import { haproxyConfig, haproxyPackages } from "./contenders/haproxy.ts";
import { nginxConfig, nginxPackages } from "./contenders/nginx.ts";
import { launch, makeDirectory, type Started, script, start } from "./processes.ts";

/** One that forwards requests to the application, and maybe checks them. */
export interface Contender extends Started {
  readonly name: string;
  readonly checks: boolean;
  readonly cpuMicroseconds: number[];
}

/** What contenders are put in front of, and what they share. */
export interface Surroundings {
  readonly upstream: string;
  readonly redis: TestRedis;
}

/** Starts a revgate as it would be deployed; `store` is its `denylist` group. */
export async function startRevgate(
  upstream: string,
  store = "{ dataDir: data }",
  home = makeDirectory(),
) {
  await writeConfig(home, `log: { requests: none }\ndenylist: ${store}\n`, upstream);
  const args = [join(repository, "dist/cli.js"), "run", "--config", join(home, "revgate.yaml")];
  return start(0, [process.execPath, ...args]);
}

/** Its `denylist` group for a Redis. */
export function redisStore(redis: TestRedis, more = ""): string {
  return `{ dataDir: data, redis: { url: "${redis.url}"${more} } }`;
}

/** Starts all of them, but for those whose packages are not here. */
export async function startContenders(surroundings: Surroundings): Promise<Contender[]> {
  const { upstream, redis } = surroundings;
  const directory = makeDirectory();
  const publicKeyFile = join(directory, "public.pem");
  writeFileSync(publicKeyFile, publicPem);
  const contender = (name: string, checks: boolean, started: Started): Contender => ({
    ...{ name, checks, cpuMicroseconds: [] },
    ...started,
  });
  const scripted = async (name: string, file: string, checks: boolean) => {
    const env = { UPSTREAM: upstream, REDIS: redis.url, PUBLIC_KEY: publicKeyFile };
    return contender(name, checks, await start(0, script(`contenders/${file}`), env));
  };
  const revgate = async (name: string, store?: string) =>
    contender(name, true, await startRevgate(upstream, store));
  const packaged = {
    directory,
    publicKeyFile,
    redis,
    upstreamPort: Number(new URL(upstream).port),
  };
  const ours = [
    await revgate("revgate, embedded"),
    await revgate("revgate, Redis local", redisStore(redis)),
    await revgate("revgate, Redis every-request", redisStore(redis, ", reads: every-request")),
  ];
  const theirs = [
    await startNginx("nginx + Lua, verifies each time", { ...packaged, remembers: false }),
    await startNginx("nginx + Lua, remembers", { ...packaged, remembers: true }),
    await startHaproxy("HAProxy, verifies each time, no store", packaged),
  ];
  return [
    await scripted("bare undici", "bare-undici", false),
    ...ours,
    await scripted("bare http-proxy", "bare-http-proxy", false),
    await scripted("Fastify", "fastify", true),
    await scripted("Express", "express", true),
    ...theirs.flatMap((started) => (started === undefined ? [] : [started])),
  ];
}

interface Packaged {
  readonly directory: string;
  readonly publicKeyFile: string;
  readonly redis: TestRedis;
  readonly upstreamPort: number;
}

async function startNginx(name: string, options: Packaged & { remembers: boolean }) {
  const program = searchProgram(["nginx"]);
  const module = "/usr/lib/nginx/modules/ngx_http_lua_module.so";
  if (program === undefined || !existsSync(module)) return missing(name, nginxPackages);
  const home = join(options.directory, `nginx-${options.remembers}`);
  mkdirSync(home);
  const port = await freePort();
  const file = join(home, "nginx.conf");
  const { redis, ...rest } = options;
  writeFileSync(file, nginxConfig({ ...rest, port, redisPort: redis.port, directory: home }));
  const child = launch(0, [program, "-p", home, "-c", file]);
  const url = await untilReachable(port);
  // The master does nothing; its one worker does the work.
  const { stdout } = spawnSync("pgrep", ["-P", String(child.pid)], { encoding: "utf8" });
  return { name, checks: true, cpuMicroseconds: [], pid: Number(stdout.trim()), url };
}

async function startHaproxy(name: string, { directory, ...options }: Packaged) {
  const program = searchProgram(["haproxy"]);
  if (program === undefined) return missing(name, haproxyPackages);
  const port = await freePort();
  const file = join(directory, "haproxy.cfg");
  const revokedFile = join(directory, "revoked.lst");
  writeFileSync(revokedFile, "");
  writeFileSync(file, haproxyConfig({ ...options, port, revokedFile }));
  const child = launch(0, [program, "-f", file, "-db"]);
  return {
    name,
    checks: true,
    cpuMicroseconds: [],
    pid: child.pid ?? 0,
    url: await untilReachable(port),
  };
}

function missing(name: string, packages: readonly string[]): undefined {
  process.stderr.write(`without ${name}: apt-get install ${packages.join(" ")}\n`);
}

async function untilReachable(port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    const reached = await fetch(url).then(
      () => true,
      () => false,
    );
    if (reached) return url;
  }
}

/** Nobody is measured who does not do the work. */
export async function prove({ name, url, checks }: Contender, token: string): Promise<void> {
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
