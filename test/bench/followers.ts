import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { KeySpace } from "../../src/denylist/redis/key-space.ts";
import { guardMs } from "../../src/denylist/redis/script-state.ts";
import { scripts } from "../../src/denylist/redis/scripts.ts";
import { steadyCommands } from "../../src/denylist/redis/steady-reading.ts";
import type { TestRedis } from "../helpers/redis.ts";
import { median } from "./processes.ts";

type Command = readonly (string | number)[];

/** What Redis spends on one of each thing that a follower has it do, in microseconds of CPU. */
export interface FollowerCosts {
  /** A plain GET, to compare with. */
  readonly get: number;
  /** A reading that only proves. */
  readonly steady: number;
  /** A full reading. */
  readonly full: number;
  /** A look at where the address leads: a connection, a question, the end of the connection. */
  readonly name: number;
}

const seconds = 1.5;
const rounds = 3;
const perSecond = 2000;

/** Bytes of a command, as a client sends it (RESP). */
export function encode(command: Command): Buffer {
  const parts = command.map(String).map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`);
  return Buffer.from(`*${command.length}\r\n${parts.join("")}`);
}

/** Opens so many connections; what comes on them is thrown away. */
export function openSockets({ port }: TestRedis, count: number): Promise<Socket[]> {
  const open = async () => {
    const socket = connect(port, "127.0.0.1").setNoDelay(true);
    await once(socket, "connect");
    return socket.resume();
  };
  return Promise.all(Array.from({ length: count }, open));
}

/** CPU of Redis since its start, in microseconds: user and system. */
export async function redisCpuUs({ client }: TestRedis): Promise<number> {
  const parts = [...(await client.info("cpu")).matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)];
  return parts.reduce((sum, [, used]) => sum + Number(used) * 1e6, 0);
}

/** Does something so many times a second for some seconds; resolves to Redis's CPU for each. */
async function costOf(redis: TestRedis, doIt: (turn: number) => void): Promise<number> {
  const [before, startedMs] = [await redisCpuUs(redis), performance.now()];
  let done = 0;
  for (let ms = 0; ms < seconds * 1000; ms = performance.now() - startedMs) {
    for (; done < (ms / 1000) * perSecond; done += 1) doIt(done);
    await sleep(2);
  }
  await sleep(100);
  return ((await redisCpuUs(redis)) - before) / done;
}

/**
 * Has many connections send what followers send, byte for byte, to a store that a sidecar has begun, and tells what
 * that costs Redis. In one run, on as many connections each.
 */
export async function measureFollowers(
  redis: TestRedis,
  connections: number,
): Promise<FollowerCosts> {
  const keys = new KeySpace("revgate:", { spread: false });
  const [epoch, ...others] = keys.stateKeys("");
  const [last] = await redis.client.xrevrange("revgate:feed", "+", "-", "COUNT", 1);
  const [id = "0-1", [, text = ""] = []] = last ?? [];
  const sha = String(await redis.client.script("LOAD", scripts.read));
  const transaction = [["multi"], ...steadyCommands(keys, { id, text }), ["exec"]];
  const bytes = {
    get: encode(["get", epoch]),
    steady: Buffer.concat(transaction.map(encode)),
    full: encode(["evalsha", sha, 5, epoch, ...others, id, 1000, id, guardMs]),
  };
  const sockets = await openSockets(redis, connections);
  const send = (what: Buffer) =>
    costOf(redis, (turn) => void sockets[turn % connections]?.write(what));
  // In turns: a machine gets faster and slower while a run goes on.
  const each = { get: [] as number[], steady: [] as number[], full: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    each.get.push(await send(bytes.get));
    each.steady.push(await send(bytes.steady));
    each.full.push(await send(bytes.full));
  }
  const costs = {
    get: median(each.get),
    steady: median(each.steady),
    full: median(each.full),
  };
  for (const socket of sockets) socket.destroy();
  const question = encode(["info", "server"]);
  const look = (turn: number) => {
    // As many as sockets of this machine can be opened and closed in that time.
    if (turn % 4 !== 0) return;
    const socket = connect(redis.port, "127.0.0.1").once("data", () => socket.destroy());
    socket.on("error", () => {}).write(question);
  };
  return { ...costs, name: 4 * (await costOf(redis, look)) };
}
