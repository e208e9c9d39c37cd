import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { Redis } from "ioredis";
import { findProgram } from "../tools/programs.ts";
import { freePort } from "./ports.ts";
import { temporaryDirectory } from "./temporary.ts";
import { until } from "./until.ts";

/**
 * Settings of `denylist.redis` for tests in which Redis answers in the end: a busy machine may take seconds, and is
 * not given up.
 */
export const patience = "connectTimeout: 30s, commandTimeout: 30s";

/** A redis-server of a test's own. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Where it would keep a snapshot. */
  readonly directory: string;
  /** A client for looking inside. */
  readonly client: Redis;
  /** Stops the server at once, without saving anything. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  start(): Promise<void>;
  /** Freezes and thaws it. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
}

/**
 * Starts a real redis-server without persistence on loopback, with further arguments and environment; it
 * ends with the test.
 */
export async function startRedis(
  t: Pick<TestContext, "after">,
  more: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<TestRedis> {
  const program = findProgram(["redis-server", "valkey-server"]);
  const directory = temporaryDirectory(t);
  const port = await freePort();
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const args = [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--dir",
      directory,
      ...more,
    ];
    child = spawn(program, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    await untilSaid(child, "Ready to accept connections");
  }

  async function kill(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  await start();
  const client = new Redis(port, "127.0.0.1", {
    retryStrategy: () => 50,
    maxRetriesPerRequest: 20,
  });
  client.on("error", () => {});
  t.after(async () => {
    client.disconnect();
    child?.kill("SIGCONT");
    await kill();
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    directory,
    client,
    kill,
    start,
    signal: (signal) => void child?.kill(signal),
  };
}

/** Waits for a word in what a server prints; rejects with all that it printed if it ends before. */
export async function untilSaid({ stdout }: ChildProcess, word: string): Promise<void> {
  if (stdout === null) throw new Error("no output");
  const lines: string[] = [];
  let isSaid = false;
  for await (const line of createInterface({ input: stdout })) {
    lines.push(line);
    isSaid = line.includes(word);
    if (isSaid) break;
  }
  if (!isSaid) throw new Error(`the server ended before "${word}":\n${lines.join("\n")}`);
  // Leaving the loop has paused it, and a full pipe would stop the server.
  stdout.resume();
}

/** Waits until an epoch has begun in Redis, and its grace period is over: from then on it answers who asks. */
export function untilRecovered({ client }: TestRedis): Promise<void> {
  return until(async () => (await client.exists("revgate:epoch", "revgate:grace")) === 1);
}

const fill = `
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('SET', 'revgate:tok:' .. redis.sha1hex(string.format('%d', i)) .. 'AAA', ARGV[3], 'EX', 100000)
end`;

/** Revokes tokens 0 to `count` by writing what sidecars would have written, as fast as Redis can. */
export async function fillRedis(
  { client }: TestRedis,
  count: number,
  expiresAt: number,
): Promise<void> {
  for (let at = 0; at < count; at += 50_000) {
    await client.eval(fill, 0, at, Math.min(at + 50_000, count) - 1, expiresAt);
  }
}

/** What such a token is called: forty characters of a hash that Redis can make, and three more. */
export function filledName(i: number): string {
  return `${createHash("sha1").update(String(i)).digest("hex")}AAA`;
}
