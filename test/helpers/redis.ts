import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { Redis } from "ioredis";
import { findProgram } from "../tools/programs.ts";
import { temporaryDirectory } from "./temporary.ts";

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
 * A port for a program that has to be told one, and that keeps it through its restarts.
 *
 * From below those that the system gives to connections, which could have it in between; so is the one for
 * the bus of a Cluster, 10,000 above it.
 */
export async function freePort(): Promise<number> {
  const server = createServer().listen(randomInt(12_000, 22_000), "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return freePort();
  }
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
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
    if (child.stdout === null) throw new Error("no output");
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.includes("Ready to accept connections")) break;
    }
    child.stdout.resume();
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
