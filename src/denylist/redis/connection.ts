import { createHash } from "node:crypto";
import { Cluster, Redis } from "ioredis";
import { StoreUnavailableError } from "../../errors.ts";
import {
  disconnectTimeoutMs,
  openClient,
  type RedisClient,
  type RedisConnectionOptions,
} from "./client.ts";
import { ReplyLimit } from "./reply-limit.ts";
import { type ScriptName, scripts } from "./scripts.ts";
import { hideArguments, whyNot, whyNotConnected } from "./why.ts";

/** WAIT: how many replicas must have a write before it counts. */
export interface RunOptions {
  readonly replicas?: number;
}

/** More than there can be: all of them in one step. */
const maxKeysOfSlot = 2 ** 31 - 1;

const digests = Object.fromEntries(
  Object.entries(scripts).map(([name, text]) => [
    name,
    createHash("sha1").update(text).digest("hex"),
  ]),
) as Record<ScriptName, string>;

/**
 * One connection to Redis, however Redis is run; with a Cluster, one to each node.
 *
 * It connects, and goes on doing so until closed. Nothing queues meanwhile: a command then rejects at once
 * with StoreUnavailableError. One that takes too long does the same, and the connection is made anew: what
 * hangs may be a server that has been replaced.
 */
export class RedisConnection {
  /** Uses other passwords, certificates and keys from the next connection on. */
  readonly adopt: RedisClient["adopt"];
  readonly close: () => void;
  readonly #redis: Redis | Cluster;
  readonly #commandTimeoutMs: number;
  readonly #readyTimeoutMs: number;
  readonly #readyListeners: (() => void)[] = [];
  #reconnecting = false;
  #lastError: Error | undefined;
  readonly #slots = new Map<string, number>();
  readonly #limit: ReplyLimit;
  #number = 0;

  constructor(options: RedisConnectionOptions) {
    this.#commandTimeoutMs = options.commandTimeoutMs;
    this.#readyTimeoutMs = options.connectTimeoutMs + options.commandTimeoutMs;
    const { client, adopt, close } = openClient(options);
    this.#redis = client;
    this.adopt = adopt;
    this.close = close;
    client.on("error", (error: Error) => {
      this.#lastError = hideArguments(error);
      // Who asks sentinels in vain never gets as far as a connection that closes.
      if (!this.up) options.onConnection?.(false, error);
    });
    this.#limit = new ReplyLimit(() => this.#reconnect());
    if (client instanceof Redis) client.on("connect", () => this.#limit.watch(client.stream));
    this.#redis.on("ready", () => {
      this.#number += 1;
      this.#lastError = undefined;
      options.onConnection?.(true, undefined);
      for (const listener of this.#readyListeners) listener();
    });
    this.#redis.on("close", () => options.onConnection?.(false, this.#lastError));
  }

  /** Whether commands can be sent at present. */
  get up(): boolean {
    return this.#redis.status === "ready";
  }

  /** Counts connections: answers under one number come from one life of one server, unless it is a Cluster. */
  get number(): number {
    return this.#number;
  }

  /** Why no commands can be sent, as far as that is known. */
  get whyDown(): string {
    return whyNotConnected(this.#lastError);
  }

  /** Calls back each time the connection becomes usable, the first time included. */
  onReady(listener: () => void): void {
    this.#readyListeners.push(listener);
    if (this.up) listener();
  }

  /**
   * Resolves when commands can be sent; rejects with StoreUnavailableError if it cannot be connected, in the
   * time for a connection and a command together. Sentinels that refuse a password are asked again and again
   * by ioredis: no connection comes, and none closes.
   */
  ready(): Promise<void> {
    if (this.up) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const fail = () => {
        clearTimeout(timer);
        reject(new StoreUnavailableError(this.whyDown, this.#lastError));
      };
      const timer = setTimeout(fail, this.#readyTimeoutMs);
      this.#redis.once("close", fail).once("end", fail);
      this.#redis.once("ready", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Runs a script; with `replicas`, resolves only when that many replicas have what it wrote. */
  run(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[] = [],
    { replicas = 0 }: RunOptions = {},
  ): Promise<unknown> {
    return this.#inTime(
      () =>
        replicas === 0
          ? this.#evaluate(name, keys, args)
          : this.#replicate(name, keys, args, replicas),
      name,
    );
  }

  /** Runs commands in one step, not in a Cluster; resolves to their answers. */
  inOneStep(commands: readonly (readonly (string | number)[])[]): Promise<unknown[]> {
    return this.#inTime(async () => {
      const replies = await (this.#redis as Redis).multi(commands.map((one) => [...one])).exec();
      return (replies ?? []).map(([error, reply]) => {
        if (error) throw error;
        return reply;
      });
    });
  }

  async #evaluate(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await this.#redis.evalsha(digests[name], keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error as Error).message.startsWith("NOSCRIPT")) throw error;
      return this.#redis.eval(scripts[name], keys.length, ...keys, ...args);
    }
  }

  async #replicate(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
    replicas: number,
  ): Promise<unknown> {
    const replies = await this.#redis
      .pipeline()
      .eval(scripts[name], keys.length, ...keys, ...args)
      .wait(replicas, Math.ceil(this.#commandTimeoutMs / 2))
      .exec();
    const [[writeError, reply] = [null, undefined], [waitError, reached] = [null, 0]] =
      replies ?? [];
    const failure = writeError ?? waitError;
    if (failure) {
      if (this.#redis instanceof Cluster) this.#redis.refreshSlotsCache();
      throw failure;
    }
    if (Number(reached) < replicas) {
      throw new Error(`${reached} of ${replicas} replicas acknowledged the write`);
    }
    return reply;
  }

  /** What each primary of a Cluster says of its own slots (CLUSTER NODES). */
  slotMaps(): Promise<{ readonly node: Redis; readonly map: string }[]> {
    return this.#inTime(() =>
      Promise.all(
        this.#primaries().map(async (node) => ({ node, map: String(await node.cluster("NODES")) })),
      ),
    );
  }

  /** The slot of a key. */
  async slotOf(key: string): Promise<number> {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const [node] = this.#primaries();
    const slot = await this.#inTime(async () => Number(await node?.cluster("KEYSLOT", key)));
    this.#slots.set(key, slot);
    return slot;
  }

  /** All keys of a slot, and what the node says of its slots in the same step. */
  keysIn(node: Redis, slot: number): Promise<{ readonly map: string; readonly keys: string[] }> {
    return this.#inTime(async () => {
      const replies = await node
        .multi()
        .cluster("NODES")
        .cluster("GETKEYSINSLOT", slot, maxKeysOfSlot)
        .exec();
      const [[mapError, map] = [null, ""], [keysError, keys] = [null, []]] = replies ?? [];
      const failure = mapError ?? keysError;
      if (failure) throw failure;
      return { map: String(map), keys: keys as string[] };
    });
  }

  /** A section of INFO, of each primary. */
  info(section: string): Promise<string[]> {
    return this.#inTime(() => Promise.all(this.#primaries().map((node) => node.info(section))));
  }

  /** Leaves the server, and connects anew to whatever is at the address by then. */
  reconnect(): void {
    this.#reconnect();
  }

  #primaries(): Redis[] {
    return this.#redis instanceof Cluster ? this.#redis.nodes("master") : [this.#redis];
  }

  /** In front of ioredis's own time-out, because a Cluster would go on trying. */
  async #inTime<T>(work: () => Promise<T>, script?: ScriptName): Promise<T> {
    if (!this.up) throw new StoreUnavailableError(this.whyDown, this.#lastError);
    let timer: NodeJS.Timeout | undefined;
    let decision: NodeJS.Immediate | undefined;
    const late = new Promise<never>((_, reject) => {
      const giveUp = () => {
        reject(new Error("redis did not answer in time"));
        this.#reconnect();
      };
      // If the event loop was held up, the answer may lie in the socket: what is there is read first.
      timer = setTimeout(() => {
        decision = setImmediate(giveUp);
      }, this.#commandTimeoutMs);
    });
    this.#limit.began();
    try {
      return await Promise.race([work(), late]);
    } catch (error) {
      const failure = hideArguments(error);
      throw new StoreUnavailableError(whyNot(failure, script), failure);
    } finally {
      this.#limit.ended();
      clearTimeout(timer);
      clearImmediate(decision);
    }
  }

  #reconnect(): void {
    // Of many commands that are late together, the first is enough.
    if (this.#reconnecting) return;
    this.#reconnecting = true;
    setTimeout(() => {
      this.#reconnecting = false;
    }, disconnectTimeoutMs).unref();
    if (this.#redis instanceof Cluster) {
      for (const node of this.#redis.nodes("all")) node.disconnect(true);
    } else if (this.up) {
      this.#redis.disconnect(true);
    }
  }
}
