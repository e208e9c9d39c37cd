/**
 * What links cost on every request (`session`): CPU of a sidecar and of its Redis for tokens that are linked to a session, beside
 * tokens that are not. `npx tsx test/bench/links.ts`, after `npm run build`. Takes about 25 seconds.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { untilReady, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { type BuiltGate, startBuiltGate } from "../helpers/program.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { redisCpuUs } from "./followers.ts";

const requests = 20_000;
const connections = 32;
const cleanups: (() => unknown)[] = [];
const t = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) };

/** Microseconds of CPU that a process has used; the kernel counts in ticks of 10 ms. */
function cpuUs({ child }: BuiltGate): number {
  const [, fields = ""] = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ");
  const [user, system] = fields.split(" ").slice(11, 13).map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10_000;
}

async function startSidecar(redis: TestRedis, upstream: string, reads: string): Promise<BuiltGate> {
  const directory = temporaryDirectory(t);
  const yaml = `log: { requests: none }
denylist: { dataDir: data, redis: { url: "${redis.url}", reads: ${reads} } }
routes:
  - { path: /login, methods: [POST], access: public, handsOut: [ { responseHeader: x-token } ], session: begins }
  - { path: /logout, methods: [POST], revoke: session }`;
  await writeConfig(directory, yaml, upstream);
  const gate = await startBuiltGate(t, `${directory}/revgate.yaml`);
  await untilReady(gate);
  return gate;
}

async function ask(url: string, token: string, count: number): Promise<void> {
  const args = ["--h1", "-n", String(count), "-c", String(connections), "-t", "1"];
  const child = spawn("h2load", [...args, "-H", `token: ${token}`, `${url}/me`]);
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  await once(child, "close");
  if (!text.includes(`${count} succeeded, 0 failed`)) throw new Error(text);
}

async function measure(gate: BuiltGate, redis: TestRedis, token: string) {
  const [own, others] = [cpuUs(gate), await redisCpuUs(redis)];
  await ask(gate.url, token, requests);
  return {
    sidecar: (cpuUs(gate) - own) / requests,
    redis: ((await redisCpuUs(redis)) - others) / requests,
  };
}

const application = createServer((request, response) => {
  request.resume();
  if (request.url === "/login") response.setHeader("x-token", makeToken());
  response.end("ok");
}).listen(0, "127.0.0.1");
await once(application, "listening");
t.after(() => application.close());
const upstream = `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
const logIn = async ({ url }: BuiltGate) => {
  const { headers } = await send(`${url}/login`, { method: "POST" });
  return String(headers["x-token"]);
};
try {
  for (const reads of ["local", "every-request"]) {
    const redis = await startRedis(t);
    const gate = await startSidecar(redis, upstream, reads);
    const [linked, ended] = [await logIn(gate), await logIn(gate)];
    // While no session has ended, no token is looked up for its session.
    await send(`${gate.url}/logout`, { method: "POST", headers: { token: ended } });
    // What runs is compiled while it runs.
    for (const token of [linked, makeToken()]) await ask(gate.url, token, requests);
    for (const [what, token] of [
      ["not linked", makeToken()],
      ["linked", linked],
    ] as const) {
      const { sidecar, redis: server } = await measure(gate, redis, token);
      const figures = `${sidecar.toFixed(0)} µs of the sidecar, ${server.toFixed(1)} of Redis`;
      process.stdout.write(`reads: ${reads}, a token that is ${what}: ${figures}\n`);
    }
  }
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
