import { Redis, type RedisOptions } from "ioredis";
import { StoreUnavailableError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import { type Entry, type EntryKind, type EntryName, entryKinds } from "./denylist.ts";

/** Which Redis, and how long it may take. */
export interface RedisReplicaOptions {
  /** `redis://` or `rediss://`, with user name and database where needed. */
  readonly url: string;
  readonly password: string | undefined;
  /** PEM certificates that are trusted for `rediss://` besides the system's. */
  readonly ca: Buffer | undefined;
  readonly keyPrefix: string;
  readonly connectTimeoutMs: number;
  /** How long a command may take before Redis counts as unavailable. */
  readonly commandTimeoutMs: number;
  readonly clock: Clock;
  /** Told when the connection comes up (undefined) and when it goes (the error, if there is one). */
  readonly onConnection?: (up: boolean, error: Error | undefined) => void;
}

const longestReconnectDelayMs = 1000;
const keysPerScan = 1000;

/**
 * The Redis side of the denylist: one key an entry, which lives exactly as long as the entry.
 *
 * It connects, and goes on doing so until closed; a sidecar starts while Redis is down. Nothing queues
 * meanwhile: a command then rejects at once with StoreUnavailableError, and one that Redis does not
 * answer rejects after `commandTimeoutMs`.
 */
export class RedisReplica {
  readonly #redis: Redis;
  readonly #options: RedisReplicaOptions;
  readonly #readyListeners: (() => void)[] = [];

  constructor(options: RedisReplicaOptions) {
    this.#options = options;
    this.#redis = new Redis(connectionOptions(options));
    let lastError: Error | undefined;
    this.#redis.on("error", (error: Error) => {
      lastError = error;
    });
    this.#redis.on("ready", () => {
      options.onConnection?.(true, undefined);
      for (const listener of this.#readyListeners) listener();
    });
    this.#redis.on("close", () => options.onConnection?.(false, lastError));
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

  /** Whether that entry's key exists. Look-ups of one tick travel together. */
  async has(name: EntryName): Promise<boolean> {
    return (await orUnavailable(this.#redis.exists(this.#keyOf(name)))) === 1;
  }

  /** Writes entries; resolves when Redis has acknowledged every one. */
  put(entries: readonly Entry[]): Promise<void> {
    return orUnavailable(this.#put(entries));
  }

  async #put(entries: readonly Entry[]): Promise<void> {
    const pipeline = this.#redis.pipeline();
    const now = this.#options.clock.nowSeconds();
    for (const entry of entries) {
      const seconds = Math.ceil(entry.expiresAt - now);
      // A relative life, so that Redis's clock takes no part; the value is for people who look.
      if (seconds > 0) pipeline.set(this.#keyOf(entry), Math.ceil(entry.expiresAt), "EX", seconds);
    }
    const replies = (await pipeline.exec()) ?? [];
    const failed = replies.find(([error]) => error !== null);
    if (failed !== undefined) throw failed[0];
  }

  /** All live entries, by SCAN. */
  async *entries(): AsyncGenerator<Entry> {
    for (const kind of entryKinds) {
      const start = this.#keyOf({ kind, value: "" });
      const match = `${start.replace(/[\\*?[\]]/g, "\\$&")}*`;
      for await (const keys of this.#redis.scanStream({ match, count: keysPerScan })) {
        yield* await this.#readEntries(kind, start, keys as string[]);
      }
    }
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  async #readEntries(kind: EntryKind, start: string, keys: string[]): Promise<Entry[]> {
    const expiries = await Promise.all(keys.map((key) => this.#redis.get(key)));
    return keys.flatMap((key, index) => {
      const expiresAt = Number(expiries[index] ?? 0);
      return expiresAt > 0 ? [{ kind, value: key.slice(start.length), expiresAt }] : [];
    });
  }

  #keyOf({ kind, value }: EntryName): string {
    return `${this.#options.keyPrefix}${kind}:${value}`;
  }
}

async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new StoreUnavailableError("redis does not answer", error);
  }
}

function connectionOptions(options: RedisReplicaOptions): Omit<RedisOptions, "replyMapping"> {
  return {
    ...addressOptions(options),
    connectTimeout: options.connectTimeoutMs,
    commandTimeout: options.commandTimeoutMs,
    // Fail at once rather than queue: the request that waits is answered 503 and comes again.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // Commands of one tick are written as one pipeline.
    enableAutoPipelining: true,
    // What every Redis and every stand-in for it speaks; nothing here needs more.
    protocol: 2,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, longestReconnectDelayMs),
  };
}

/** ioredis would let an empty password of a URL that names a user win over the one from the file. */
function addressOptions({ url, password, ca }: RedisReplicaOptions): RedisOptions {
  const { protocol, hostname, port, username, password: inUrl, pathname } = new URL(url);
  const secret = password ?? decodeURIComponent(inUrl);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 6379 : Number(port),
    db: Number(pathname.slice(1)),
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(secret === "" ? {} : { password: secret }),
    ...(protocol === "rediss:" ? { tls: ca === undefined ? {} : { ca } } : {}),
  };
}
