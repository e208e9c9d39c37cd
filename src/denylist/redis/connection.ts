import { createHash } from "node:crypto";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { StoreUnavailableError } from "../../errors.ts";
import { commandAt, type ScriptName, scripts } from "./scripts.ts";

/** A host and a port. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Which of the three ways to run Redis, and where. */
export type RedisTopology =
  | { readonly kind: "single"; readonly address: RedisAddress; readonly database: number }
  | {
      readonly kind: "sentinel";
      readonly primary: string;
      readonly sentinels: readonly RedisAddress[];
      readonly username: string | undefined;
      readonly password: string | undefined;
      readonly database: number;
    }
  | { readonly kind: "cluster"; readonly nodes: readonly RedisAddress[] };

/** How to reach Redis, and how long it may take. */
export interface RedisConnectionOptions {
  readonly topology: RedisTopology;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** TLS to servers and sentinels, with PEM certificates to trust besides the system's. */
  readonly tls: { readonly ca: Buffer | undefined } | undefined;
  readonly connectTimeoutMs: number;
  /** How long a command may take before Redis counts as unavailable. */
  readonly commandTimeoutMs: number;
  /** What Redis calls the connection, in CLIENT LIST. */
  readonly name?: string;
  /** Told when the connection comes up (undefined) and when it goes (the error, if there is one). */
  readonly onConnection?: (up: boolean, error: Error | undefined) => void;
}

/** WAIT: how many replicas must have a write before it counts. */
export interface RunOptions {
  readonly replicas?: number;
}

const longestReconnectDelayMs = 1000;
/** More than there can be: all of them in one step. */
const mostKeysOfSlot = 2 ** 31 - 1;
/** How often a Cluster is asked which node has which slots. */
const slotsEveryMs = 1000;
/** How long a server that hangs has to say good-bye. */
const disconnectTimeoutMs = 100;

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
  readonly #redis: Redis | Cluster;
  readonly #commandTimeoutMs: number;
  readonly #readyListeners: (() => void)[] = [];
  readonly #slotsTimer: NodeJS.Timeout | undefined;
  #reconnecting = false;
  #lastError: Error | undefined;
  readonly #slots = new Map<string, number>();

  constructor(options: RedisConnectionOptions) {
    this.#commandTimeoutMs = options.commandTimeoutMs;
    this.#redis = connect(options);
    if (this.#redis instanceof Cluster) this.#slotsTimer = refreshSlots(this.#redis);
    this.#redis.on("error", (error: Error) => {
      this.#lastError = error;
    });
    this.#redis.on("ready", () => {
      options.onConnection?.(true, undefined);
      for (const listener of this.#readyListeners) listener();
    });
    this.#redis.on("close", () => options.onConnection?.(false, this.#lastError));
  }

  /** Whether commands can be sent at present. */
  get up(): boolean {
    return this.#redis.status === "ready";
  }

  /** Calls back each time the connection becomes usable, the first time included. */
  onReady(listener: () => void): void {
    this.#readyListeners.push(listener);
    if (this.up) listener();
  }

  /** Resolves when commands can be sent; rejects with StoreUnavailableError if it cannot be connected. */
  ready(): Promise<void> {
    if (this.up) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#redis.once("ready", resolve);
      this.#redis.once("close", () => {
        reject(new StoreUnavailableError("redis is not connected", this.#lastError));
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
        .cluster("GETKEYSINSLOT", slot, mostKeysOfSlot)
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

  close(): void {
    clearInterval(this.#slotsTimer);
    this.#redis.disconnect();
  }

  #primaries(): Redis[] {
    return this.#redis instanceof Cluster ? this.#redis.nodes("master") : [this.#redis];
  }

  /** In front of ioredis's own time-out, because a Cluster would go on trying. */
  async #inTime<T>(work: () => Promise<T>, script?: ScriptName): Promise<T> {
    if (!this.up) throw new StoreUnavailableError("redis is not connected");
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
    try {
      return await Promise.race([work(), late]);
    } catch (error) {
      throw new StoreUnavailableError(whyNot(error, script), error);
    } finally {
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

/** What Redis refuses is told in its own words; a command that the user may not use by its name. */
function whyNot(error: unknown, script: ScriptName | undefined): string {
  const { name, message } = error as Error;
  if (name !== "ReplyError") return "redis does not answer";
  const command = /^NOPERM .*run the '([^']+)'/.exec(message)?.[1] ?? refusedIn(message, script);
  if (command === undefined) return `redis refuses: ${message.slice(0, 200)}`;
  return `the redis user may not use ${command}; docs/redis.md lists what it needs`;
}

function refusedIn(message: string, script: ScriptName | undefined): string | undefined {
  const line = /can't run this command.*@user_script:\s*(\d+)/.exec(message)?.[1];
  return script && line && commandAt(script, Number(line));
}

/**
 * Connects anew to a server by itself, or to the one that sentinels name, asks its run id and leaves again.
 *
 * Each of the two steps may take as long as a command. Rejects with StoreUnavailableError if there is no answer in time.
 */
export async function askRunId(
  options: RedisConnectionOptions,
  signal: AbortSignal,
): Promise<string> {
  const { onConnection, ...silent } = options;
  const connectTimeoutMs = Math.min(options.connectTimeoutMs, options.commandTimeoutMs);
  const connection = new RedisConnection({ ...silent, connectTimeoutMs, name: "revgate-name" });
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    await connection.ready();
    const [info = ""] = await connection.info("server");
    return /run_id:(\w+)/.exec(info)?.[1] ?? "unknown";
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

function connect(options: RedisConnectionOptions): Redis | Cluster {
  const { topology } = options;
  const common = commonOptions(options);
  switch (topology.kind) {
    case "single":
      return new Redis({ ...common, ...topology.address, db: topology.database });
    case "sentinel":
      return new Redis({
        ...common,
        db: topology.database,
        name: topology.primary,
        sentinels: [...topology.sentinels],
        ...defined({ sentinelUsername: topology.username, sentinelPassword: topology.password }),
        sentinelRetryStrategy: reconnectDelay,
        sentinelReconnectStrategy: reconnectDelay,
        // Leaves a primary as soon as a sentinel says that there is another.
        failoverDetector: true,
        ...(common.tls ? { sentinelTLS: common.tls, enableTLSForSentinelMode: true } : {}),
      });
    case "cluster": {
      const { retryStrategy, enableOfflineQueue, ...redisOptions } = common;
      return new Cluster([...topology.nodes], {
        enableOfflineQueue: false,
        clusterRetryStrategy: reconnectDelay,
        clusterNodeRetryStrategy: reconnectDelay,
        slotsRefreshInterval: 0,
        retryDelayOnFailover: 50,
        redisOptions,
      });
    }
  }
}

/**
 * Not left to ioredis: a refresh that is under way when it is closed sets its timer anew, and then it goes
 * on for ever.
 */
function refreshSlots(cluster: Cluster): NodeJS.Timeout {
  return setInterval(() => cluster.refreshSlotsCache(), slotsEveryMs).unref();
}

function commonOptions(options: RedisConnectionOptions): Omit<RedisOptions, "replyMapping"> {
  const { username, password, tls, connectTimeoutMs, name } = options;
  return {
    ...defined({ username, password, connectionName: name }),
    ...(tls === undefined ? {} : { tls: defined({ ca: tls.ca }) }),
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: disconnectTimeoutMs,
    // Fail at once rather than queue: the request that waits is answered 503 and comes again.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // What every Redis and every stand-in for it speaks; nothing here needs more.
    protocol: 2,
    retryStrategy: reconnectDelay,
  };
}

function reconnectDelay(attempt: number): number {
  return Math.min(50 * 2 ** Math.min(attempt, 10), longestReconnectDelayMs);
}

/** Without what is undefined: ioredis takes such a property for a setting. */
function defined<T extends object>(settings: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as { [Key in keyof T]?: NonNullable<T[Key]> };
}
