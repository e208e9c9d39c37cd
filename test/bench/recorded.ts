import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestRedis } from "../helpers/redis.ts";
import { redisCpuUs } from "./followers.ts";

/** Something that was sent: when, on which connection, and what; without bytes, the connection ended. */
interface Sent {
  readonly atMs: number;
  readonly connection: number;
  readonly bytes: Buffer | undefined;
}

/** All that one sidecar sent to Redis in some time. */
export interface Recording {
  readonly ms: number;
  /** Connections that were open all the time. */
  readonly kept: readonly number[];
  readonly sent: readonly Sent[];
}

/** Stands between a sidecar and Redis, and can tell what the sidecar sends. */
export interface Recorder {
  readonly url: string;
  /** Records for so many milliseconds. */
  record(ms: number): Promise<Recording>;
  close(): void;
}

/** What a fleet has cost Redis. */
export interface Replayed {
  /** CPU of Redis, in microseconds a second, for each follower. */
  readonly cpuUs: number;
  /** Which share of what was to be sent in that time was sent. */
  readonly share: number;
}

export async function startRecorder({ port }: TestRedis): Promise<Recorder> {
  const open = new Map<number, Socket>();
  let next = 0;
  let note: ((connection: number, bytes: Buffer | undefined) => void) | undefined;
  const server = createServer({ noDelay: true }, (client) => {
    const connection = next++;
    const redis = connect(port, "127.0.0.1").setNoDelay(true);
    open.set(connection, client);
    client.on("data", (bytes) => note?.(connection, bytes));
    client.pipe(redis).pipe(client);
    client
      .on("error", () => redis.destroy())
      .on("close", () => {
        note?.(connection, undefined);
        open.delete(connection);
        redis.destroy();
      });
    redis.on("error", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `redis://127.0.0.1:${address.port}`,
    async record(ms) {
      const before = [...open.keys()];
      const sent: Sent[] = [];
      const startedMs = performance.now();
      note = (connection, bytes) =>
        void sent.push({ atMs: performance.now() - startedMs, connection, bytes });
      await sleep(ms);
      note = undefined;
      return { ms, kept: before.filter((connection) => open.has(connection)), sent };
    },
    close() {
      server.close();
      for (const socket of open.values()) socket.destroy();
    },
  };
}

/** One connection of one follower; opened when something is sent on it, if it was not kept open. */
class Line {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  async open(): Promise<void> {
    await once(this.#connect(), "connect");
  }

  send(bytes: Buffer | undefined): void {
    if (bytes !== undefined) (this.#socket ?? this.#connect()).write(bytes);
    else this.close();
  }

  /** As the sidecar did: behind what it was still to be told. */
  close(): void {
    this.#socket?.end();
    this.#socket = undefined;
  }

  #connect(): Socket {
    this.#socket = connect(this.#port, "127.0.0.1")
      .setNoDelay(true)
      .on("error", () => {});
    return this.#socket.resume();
  }
}

/** A follower that sends, from somewhere in a recording on and round again, what was recorded. */
class Follower {
  readonly #lines = new Map<number, Line>();
  readonly #recording: Recording;
  readonly #port: number;
  #next: number;
  #round = 0;
  #offsetMs: number;

  constructor(recording: Recording, port: number, share: number) {
    this.#recording = recording;
    this.#port = port;
    this.#offsetMs = share * recording.ms;
    const next = recording.sent.findIndex(({ atMs }) => atMs >= this.#offsetMs);
    this.#next = next < 0 ? recording.sent.length : next;
  }

  async open(): Promise<void> {
    for (const connection of this.#recording.kept) await this.#lineOf(connection).open();
  }

  /** Sends what is due; returns how many pieces that were. */
  sendUntil(elapsedMs: number): number {
    const { sent, ms } = this.#recording;
    let count = 0;
    for (;;) {
      const piece = sent[this.#next];
      if (piece === undefined) {
        if (sent.length === 0) return count;
        this.#next = 0;
        this.#round += 1;
        continue;
      }
      if (piece.atMs + this.#round * ms - this.#offsetMs > elapsedMs) return count;
      this.#lineOf(piece.connection).send(piece.bytes);
      this.#next += 1;
      count += 1;
    }
  }

  close(): void {
    for (const line of this.#lines.values()) line.close();
  }

  #lineOf(connection: number): Line {
    const line = this.#lines.get(connection) ?? new Line(this.#port);
    this.#lines.set(connection, line);
    return line;
  }
}

/** Has so many followers send what was recorded, each at another time, for some seconds. */
export async function replay(
  redis: TestRedis,
  recording: Recording,
  { followers: count, seconds }: { readonly followers: number; readonly seconds: number },
): Promise<Replayed> {
  const followers = Array.from(
    { length: count },
    (_, at) => new Follower(recording, redis.port, at / count),
  );
  for (const follower of followers) await follower.open();
  const [before, startedMs] = [await redisCpuUs(redis), performance.now()];
  const elapsedMs = () => performance.now() - startedMs;
  let pieces = 0;
  while (elapsedMs() < seconds * 1000) {
    for (const follower of followers) pieces += follower.sendUntil(elapsedMs());
    await sleep(2);
  }
  const tookMs = elapsedMs();
  const cpuUs = (await redisCpuUs(redis)) - before;
  for (const follower of followers) follower.close();
  const planned = (recording.sent.length * count * tookMs) / recording.ms;
  return { cpuUs: (cpuUs * 1000) / tookMs / count, share: pieces / planned };
}
