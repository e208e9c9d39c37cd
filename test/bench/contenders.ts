import type { ChildProcess } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeConfig } from "../helpers/gate.ts";
import { type Reply, send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import { repository } from "../helpers/program.ts";
import type { TestRedis } from "../helpers/redis.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";
import { searchProgram } from "../tools/programs.ts";
import { haproxyConfig, haproxyPackages } from "./contenders/haproxy.ts";
import { nginxConfig, nginxPackages } from "./contenders/nginx.ts";
import { type Core, end, launch, makeDirectory, type Started, script, start } from "./processes.ts";

/** One that forwards requests to the application, and maybe checks them. Each start is a new process. */
export interface Contender {
  readonly name: string;
  readonly checks: boolean;
  start(): Promise<Started>;
}

/** What contenders are put in front of, and what they share. */
export interface Surroundings {
  readonly upstream: string;
  readonly redis: TestRedis;
}

/** Starts a revgate as it would be deployed; `store` is its `denylist` group, `more` are other lines of YAML. */
export async function startRevgate(
  upstream: string,
  store = "{ dataDir: data }",
  {
    home = makeDirectory(),
    core = 0,
    more = "",
  }: { home?: string; core?: Core; more?: string } = {},
) {
  await writeConfig(home, `log: { requests: none }\ndenylist: ${store}\n${more}`, upstream);
  const args = [join(repository, "dist/cli.js"), "run", "--config", join(home, "revgate.yaml")];
  return start(core, [process.execPath, ...args]);
}

/** Its `denylist` group for a Redis. */
export function redisStore(redis: TestRedis, more = ""): string {
  return `{ dataDir: data, redis: { url: "${redis.url}"${more} } }`;
}

/** All of them, but for those whose packages are not here. */
export function listContenders(surroundings: Surroundings): Contender[] {
  const { upstream, redis } = surroundings;
  const directory = makeDirectory();
  const publicKeyFile = join(directory, "public.pem");
  writeFileSync(publicKeyFile, publicPem);
  const env = { UPSTREAM: upstream, REDIS: redis.url, PUBLIC_KEY: publicKeyFile };
  const scripted = (name: string, file: string, checks: boolean): Contender => ({
    ...{ name, checks },
    start: () => start(0, script(`contenders/${file}`), env),
  });
  const revgate = (name: string, store?: string): Contender => ({
    ...{ name, checks: true },
    start: () => startRevgate(upstream, store),
  });
  const upstreamPort = Number(new URL(upstream).port);
  const packaged = { publicKeyFile, redis, upstreamPort };
  return [
    scripted("bare undici", "bare-undici", false),
    revgate("revgate, embedded"),
    revgate("revgate, Redis local", redisStore(redis)),
    revgate("revgate, Redis every-request", redisStore(redis, ", reads: every-request")),
    scripted("bare http-proxy", "bare-http-proxy", false),
    scripted("Fastify", "fastify", true),
    scripted("Express", "express", true),
    ...listNginx("nginx + Lua, verifies each time", { ...packaged, remembers: false }),
    ...listNginx("nginx + Lua, remembers", { ...packaged, remembers: true }),
    ...listHaproxy("HAProxy, verifies each time, no store", packaged),
  ];
}

interface Packaged {
  readonly publicKeyFile: string;
  readonly redis: TestRedis;
  readonly upstreamPort: number;
}

function listNginx(name: string, { redis, ...options }: Packaged & { remembers: boolean }) {
  const program = searchProgram(["nginx"]);
  const module = "/usr/lib/nginx/modules/ngx_http_lua_module.so";
  if (program === undefined || !existsSync(module)) return missing(name, nginxPackages);
  const launchIt = async (): Promise<Started> => {
    const home = makeDirectory();
    const port = await freePort();
    const file = join(home, "nginx.conf");
    writeFileSync(file, nginxConfig({ ...options, port, redisPort: redis.port, directory: home }));
    const child = launch(0, [program, "-p", home, "-c", file]);
    const url = await untilReachable(port, child, nginxPackages);
    return { pid: child.pid ?? 0, url, stop: () => end(child) };
  };
  return [{ name, checks: true, start: launchIt }];
}

function listHaproxy(name: string, options: Packaged): Contender[] {
  const program = searchProgram(["haproxy"]);
  if (program === undefined) return missing(name, haproxyPackages);
  const launchIt = async (): Promise<Started> => {
    const home = makeDirectory();
    const port = await freePort();
    const file = join(home, "haproxy.cfg");
    const revokedFile = join(home, "revoked.lst");
    writeFileSync(revokedFile, "");
    writeFileSync(file, haproxyConfig({ ...options, port, revokedFile }));
    const child = launch(0, [program, "-f", file, "-db"]);
    const url = await untilReachable(port, child, haproxyPackages);
    return { pid: child.pid ?? 0, url, stop: () => end(child) };
  };
  return [{ name, checks: true, start: launchIt }];
}

/** Says on standard error what is not measured, and what would install it. */
export function missing(name: string, packages: readonly string[]): Contender[] {
  process.stderr.write(`without ${name}: apt-get install ${packages.join(" ")}\n`);
  return [];
}

async function untilReachable(
  port: number,
  child: ChildProcess,
  packages: readonly string[],
): Promise<string> {
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    if (child.exitCode !== null) {
      const remedy = `apt-get install ${packages.join(" ")}`;
      throw new Error(`${child.spawnargs.join(" ")} ended: ${remedy}`);
    }
    const reached = await fetch(url).then(
      () => true,
      () => false,
    );
    if (reached) return url;
  }
}

/** Nobody is measured who does not do the work. */
export async function prove(
  { name, checks }: Contender,
  { url }: Started,
  token: string,
): Promise<void> {
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
