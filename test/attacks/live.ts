import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { untilReady, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { type BuiltGate, startBuiltGate, startExampleProgram } from "../helpers/program.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

/** What became of many live connections, half of which were cut and half closed by their clients. */
export interface LiveReport {
  /** By how they ended, as their clients were told. */
  readonly closes: Readonly<Record<string, number>>;
  /** From the change of password being sent to the last of the cuts, in milliseconds. */
  readonly cutMs: number;
  /** Connections registered, upgraded, and descriptors beyond those before: open, and in the end. */
  readonly open: Held;
  readonly left: Held;
}

interface Held {
  readonly live: number;
  readonly upgraded: number;
  readonly descriptors: number;
}

const atOnce = 100;
const tokensEach = 50;

/**
 * Opens WebSockets of two users through two sidecars that share a Redis, changes one's password, and has the
 * other's close; then waits for everything to be given back.
 */
export async function measureLiveConnections(t: TestContext, count: number): Promise<LiveReport> {
  const application = await startExampleProgram(t, "identity-provider/application.js", {});
  const redis = await startUsedRedis(t);
  const gates = await Promise.all([
    startLiveGate(t, application.url, redis.url),
    startLiveGate(t, application.url, redis.url),
  ] as const);
  for (const gate of gates) await untilReady(gate);
  const before = descriptorsOf(gates);

  const [alices, bobs] = ["alice", "bob"].map((sub) =>
    Array.from({ length: tokensEach }, () => makeToken({ sub })),
  ) as [string[], string[]];
  const sockets: { readonly socket: WebSocket; readonly isAlices: boolean }[] = [];
  const closes: Record<string, number> = {};
  t.after(() => {
    for (const { socket } of sockets) socket.terminate();
  });
  const open = async (i: number) => {
    const isAlices = i % 2 === 0;
    const tokens = isAlices ? alices : bobs;
    const token = tokens[i % tokensEach] ?? "";
    const { port } = gates[(i >> 1) % 2 === 0 ? 0 : 1];
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { token } });
    socket.on("close", (code, reason) => {
      const how = `${code} ${reason}`;
      closes[how] = (closes[how] ?? 0) + 1;
    });
    await once(socket, "message");
    socket.on("error", () => {});
    sockets.push({ socket, isAlices });
  };
  for (let i = 0; i < count; i += atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, count - i) }, (_, j) => open(i + j)));
  }
  const held = await heldBy(gates, before);

  const cut = sockets.filter(({ isAlices }) => isAlices);
  const untilCut = Promise.all(cut.map(({ socket }) => once(socket, "close")));
  const startedMs = performance.now();
  const headers = { token: alices[0] ?? "" };
  const changing = send(`${gates[0].url}/password`, { method: "PUT", headers });
  await untilCut;
  const cutMs = Math.round(performance.now() - startedMs);
  await changing;
  const others = sockets.filter(({ isAlices }) => !isAlices);
  const untilClosed = Promise.all(others.map(({ socket }) => once(socket, "close")));
  for (const { socket } of others) socket.close(1000, "bye");
  await untilClosed;
  return { closes, cutMs, open: held, left: await untilGivenBack(gates, before) };
}

async function startLiveGate(t: TestContext, upstream: string, redis: string): Promise<BuiltGate> {
  const directory = temporaryDirectory(t);
  const yaml = `
routes: [ { path: /password, methods: [PUT], revoke: subject } ]
denylist: { dataDir: data, redis: { url: "${redis}", ${patience}, grace: 300ms } }
log: { requests: none }`;
  await writeConfig(directory, yaml, upstream);
  return startBuiltGate(t, join(directory, "revgate.yaml"));
}

function descriptorsOf(gates: readonly BuiltGate[]): number {
  const counts = gates.map(({ child }) => readdirSync(`/proc/${child.pid}/fd`).length);
  return counts.reduce((sum, count) => sum + count, 0);
}

async function heldBy(gates: readonly BuiltGate[], before: number): Promise<Held> {
  const texts = await Promise.all(
    gates.map(async ({ adminUrl }) => (await send(`${adminUrl}/metrics`)).text),
  );
  const sumOf = (name: string) =>
    texts.reduce(
      (sum, text) => sum + Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]),
      0,
    );
  return {
    live: sumOf("revgate_live_connections"),
    upgraded: sumOf("revgate_upgraded_connections"),
    descriptors: descriptorsOf(gates) - before,
  };
}

/** What is left when nothing changes any more, or after half a minute. */
async function untilGivenBack(gates: readonly BuiltGate[], before: number): Promise<Held> {
  const deadlineMs = performance.now() + 30_000;
  for (;;) {
    const held = await heldBy(gates, before);
    // The connection to the application that was kept, and the one that asks, of each.
    const isOver = held.live === 0 && held.upgraded === 0 && held.descriptors <= 6;
    if (isOver || performance.now() > deadlineMs) return held;
    await sleep(100);
  }
}
