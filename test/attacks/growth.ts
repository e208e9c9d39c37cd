import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { type BuiltGate, startBuiltGate } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";

/** Memory of a process, in megabytes, before and after. */
export interface Growth {
  readonly before: number;
  readonly after: number;
}

async function startMeasured(t: TestContext): Promise<BuiltGate> {
  const application = await startApplication(t);
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "public.pem"), publicPem);
  const config = join(directory, "revgate.yaml");
  writeFileSync(
    config,
    `listen: { host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0 }
upstream: { url: "${application.url}" }
tokens: { keys: [ { publicKeyFile: public.pem } ], cacheEntries: 1000 }
denylist: { dataDir: data }
log: { requests: none }
limits: { maxConnections: 20000 }
`,
  );
  return startBuiltGate(t, config, { NODE_OPTIONS: "--max-semi-space-size=1" });
}

/** Resident memory of a process, in megabytes (proc(5)). */
function residentMegabytes({ child }: BuiltGate): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** By then the heap has found its size. */
const warm = 20_000;

/**
 * Sends requests of every kind: right tokens, forged ones, none, unknown paths and odd targets, each
 * different from all others.
 */
export async function measureGrowth(t: TestContext, count: number): Promise<Growth> {
  const gate = await startMeasured(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  t.after(() => agent.destroy());
  const right = Array.from({ length: 50 }, () => makeToken());
  const [start, , signature = ""] = makeToken().split(".");
  const headersOf = (i: number): Record<string, string> => {
    if (i % 4 === 0) return {};
    if (i % 4 === 1)
      return { token: `${start}.${Buffer.from(`{"i":${i}}`).toString("base64url")}.${signature}` };
    return { token: right[i % right.length] ?? "", "X-Request-Id": `r${i}` };
  };
  const call = (i: number) =>
    new Promise<void>((resolve, reject) => {
      const path = i % 7 === 0 ? `/a;${i}` : `/path/${i}?q=${i}`;
      request(`${gate.url}${path}`, { agent, headers: headersOf(i) }, (response) => {
        response.resume().on("end", resolve);
      })
        .on("error", reject)
        .end();
    });
  const send = async (from: number, to: number) => {
    let next = from;
    const one = async () => {
      while (next < to) {
        next += 1;
        await call(next);
      }
    };
    await Promise.all(Array.from({ length: 32 }, one));
  };
  await send(0, warm);
  const before = residentMegabytes(gate);
  await send(warm, warm + count);
  return { before, after: residentMegabytes(gate) };
}

/** Opens connections that say nothing; others are served all the while. */
export async function measureIdle(t: TestContext, count: number): Promise<Growth> {
  const gate = await startMeasured(t);
  const before = residentMegabytes(gate);
  const sockets: Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let i = 0; i < count; i += 1) {
    const socket = connect(gate.port, "127.0.0.1");
    socket.on("error", () => {});
    sockets.push(socket);
    await once(socket, "connect");
  }
  const reply = await fetch(`${gate.url}/me`, { headers: { token: makeToken() } });
  assert.equal(reply.status, 200);
  return { before, after: residentMegabytes(gate) };
}
