import { randomBytes } from "node:crypto";
import { StoreUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Entry, EntryName, TokenNames } from "../denylist.ts";
import { ignored, type OnIgnored } from "../ignored.ts";
import { formatEntry } from "../journal/record.ts";
import { RedisConnection, type RedisConnectionOptions } from "./connection.ts";
import { readValue, readValues, unreadableEntry } from "./entry-value.ts";
import { type FeedLine, readFeedReply } from "./feed-line.ts";
import { KeySpace } from "./key-space.ts";
import { LookUps } from "./look-ups.ts";
import { disbelieved, type Epoch, readState, type ShardState } from "./store-state.ts";

/** Which Redis, and what the store there is like. */
export interface RedisReplicaOptions extends RedisConnectionOptions {
  readonly keyPrefix: string;
  /** What a new epoch says of staleness, in milliseconds. */
  readonly stalenessMs: number;
  /** How long the sidecars have to write back what they know, in milliseconds. */
  readonly graceMs: number;
  /** How many replicas must have a write before it counts, and be there for an answer to count. */
  readonly waitReplicas: number;
  /** How many lines the feed keeps, about. */
  readonly feedLines: number;
  readonly clock: Clock;
  /** Told of what stands in Redis and cannot have been written by a revgate. */
  readonly onIgnored?: OnIgnored | undefined;
}

/** The answer to a read of the feed. */
export interface FeedReading {
  readonly state: ShardState;
  /** Whether the line read last is still there; if not, `lines` are not what came behind it. */
  readonly anchored: boolean;
  readonly lines: readonly FeedLine[];
  /** Where to read on. */
  readonly position: string;
}

const keysPerScan = 1000;

/**
 * The Redis side of the denylist: a key an entry, which lives exactly as long as the entry, and the feed.
 *
 * Three connections, so that neither a long queue of look-ups nor a write that waits for replicas is in
 * the way of the feed. Whatever can't be done rejects with StoreUnavailableError.
 */
export class RedisReplica {
  readonly keys: KeySpace;
  readonly #options: RedisReplicaOptions;
  readonly #reader: RedisConnection;
  readonly #writer: RedisConnection;
  readonly #follower: RedisConnection;
  readonly #lookUps: LookUps;
  readonly #repairs = new Map<string, Promise<unknown>>();

  constructor(options: RedisReplicaOptions) {
    this.#options = options;
    const { onConnection, ...silent } = options;
    this.keys = new KeySpace(options.keyPrefix, { spread: options.topology.kind === "cluster" });
    this.#reader = new RedisConnection(options);
    this.#writer = new RedisConnection(silent);
    this.#follower = new RedisConnection(silent);
    this.#lookUps = new LookUps(this.keys, (shard, names) => this.values(shard, names));
  }

  /** Whether commands can be sent at present. */
  get up(): boolean {
    return this.#reader.up && this.#writer.up;
  }

  /** Whether a server that was replaced cannot take a write any more: its replicas have left it. */
  get fenced(): boolean {
    return this.#options.waitReplicas > 0;
  }

  /** Calls back each time that entries can be sent again, the first time included. */
  onReady(listener: () => void): void {
    this.#writer.onReady(listener);
  }

  /** Whether a token has been revoked. Look-ups of one turn of the event loop travel together. */
  ask(token: TokenNames): Promise<"revoked" | "live"> {
    return this.#lookUps.ask(token);
  }

  /** The values held under names of one shard, and the shard's state in the same moment. */
  async values(
    shard: string,
    names: readonly EntryName[],
  ): Promise<{ state: ShardState; values: readonly (string | null)[] }> {
    const keys = [...this.keys.stateKeys(shard), ...names.map((name) => this.keys.keyOf(name))];
    const reply = await this.#reader.run("values", keys);
    const state = this.#repair(shard, this.#stateOf(reply));
    return { state, values: this.#valuesIn(reply, names) };
  }

  /** The entries held under names of one shard. */
  async entriesOf(
    shard: string,
    names: readonly EntryName[],
  ): Promise<{ state: ShardState; entries: Entry[] }> {
    const { state, values } = await this.values(shard, names);
    const now = this.#options.clock.nowSeconds();
    const entries = names.flatMap((name, index) => {
      const value = values[index] ?? null;
      return value === null ? [] : [readValue(name, value) ?? unreadableEntry(name, now)];
    });
    return { state, entries };
  }

  /** The epoch of a shard; a new one where the shard was found changed. */
  async epochOf(shard: string): Promise<Epoch> {
    const state = await this.#stateFrom(shard);
    const { epoch } = state.epoch ? state : await this.establish(shard, state.found);
    if (epoch === undefined) throw new StoreUnavailableError("redis changes all the time");
    return epoch;
  }

  /** What a shard is like, from the connection that writes. */
  async state(shard: string): Promise<ShardState> {
    return this.#repair(shard, await this.#stateFrom(shard));
  }

  /**
   * Writes entries of one shard; resolves when Redis (and as many replicas as asked for) has them.
   *
   * With `prolong`, a grace period that runs there goes on for at least its full length from now.
   */
  async put(
    shard: string,
    entries: readonly Entry[],
    { prolong = false }: { readonly prolong?: boolean } = {},
  ): Promise<ShardState> {
    const now = this.#options.clock.nowSeconds();
    const keys = [...this.keys.stateKeys(shard), ...entries.map((entry) => this.keys.keyOf(entry))];
    const args = entries.flatMap(({ expiresAt, cutoff }) => [
      Math.ceil(expiresAt),
      cutoff === undefined ? "" : Math.ceil(cutoff),
      Math.max(1, Math.ceil(expiresAt - now)),
    ]);
    const state = await this.#write("put", keys, [prolong ? this.#options.graceMs : 0, ...args]);
    return this.#repair(shard, state);
  }

  /** Tells the other sidecars through the feed. */
  publish(entries: readonly Entry[]): Promise<ShardState> {
    return this.#publishLines(entries.map(formatEntry));
  }

  async readFeed(position: string, count: number): Promise<FeedReading> {
    const keys = [...this.keys.stateKeys(this.keys.feedShard), this.keys.feedKey];
    const reply = await this.#follower.run("read", keys, [position, count]);
    const state = this.#stateOf(reply);
    const { anchored, lines, position: next = position } = readFeedReply(reply, this.keys);
    for (const line of lines) {
      if (line.kind === "ignored") {
        this.#options.onIgnored?.(ignored("feed", "a line that says nothing", line.text));
      }
    }
    return { state, anchored, lines, position: next };
  }

  /** Begins a new epoch of a shard that was found changed; resolves to what it is like then. */
  async establish(shard: string, found: string): Promise<ShardState> {
    const isFeed = shard === this.keys.feedShard;
    // Told before it is done: a new epoch of which nobody knows would be trusted too soon.
    if (!isFeed) await this.#publishLines([`lost ${shard}`]);
    const keys = [...this.keys.stateKeys(shard), ...(isFeed ? [this.keys.feedKey] : [])];
    const id = randomBytes(12).toString("base64url");
    const { stalenessMs, graceMs } = this.#options;
    return this.#write("establish", keys, [found, id, stalenessMs, graceMs]);
  }

  /** All names in the store, by shard, by SCAN; one may come twice. */
  async *names(): AsyncGenerator<readonly [shard: string, names: EntryName[]]> {
    for await (const keys of this.#reader.scan(this.keys.pattern, keysPerScan)) {
      const byShard = new Map<string, EntryName[]>();
      for (const key of keys) {
        const name = this.keys.nameOf(key);
        if (name === undefined) continue;
        const shard = this.keys.shardOf(name);
        const some = byShard.get(shard);
        if (some === undefined) byShard.set(shard, [name]);
        else some.push(name);
      }
      yield* byShard;
    }
  }

  /** What the servers do when their memory is full: `noeviction` everywhere, or the first other policy. */
  async evictionPolicy(): Promise<string> {
    const infos = await this.#follower.info("memory");
    const policies = infos.map((info) => /maxmemory_policy:([\w-]+)/.exec(info)?.[1] ?? "unknown");
    return policies.find((policy) => policy !== "noeviction") ?? "noeviction";
  }

  close(): void {
    for (const connection of [this.#reader, this.#writer, this.#follower]) connection.close();
  }

  /** Sees to it that a shard which was found changed begins a new epoch; the feed's own is for its follower. */
  #repair(shard: string, state: ShardState): ShardState {
    if (state.kind === "changed" && shard !== this.keys.feedShard && !this.#repairs.has(shard)) {
      const repair = this.establish(shard, state.found)
        // Whoever finds it changed the next time tries again.
        .catch(() => {})
        .finally(() => this.#repairs.delete(shard));
      this.#repairs.set(shard, repair);
    }
    return state;
  }

  async #stateFrom(shard: string): Promise<ShardState> {
    return this.#stateOf(await this.#writer.run("values", this.keys.stateKeys(shard)));
  }

  #publishLines(lines: readonly string[]): Promise<ShardState> {
    const keys = [...this.keys.stateKeys(this.keys.feedShard), this.keys.feedKey];
    return this.#write("publish", keys, [this.#options.feedLines, ...lines]);
  }

  async #write(
    script: "put" | "publish" | "establish",
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<ShardState> {
    const replicas = this.#options.waitReplicas;
    return this.#stateOf(await this.#writer.run(script, keys, args, { replicas }));
  }

  #stateOf(reply: unknown): ShardState {
    const [read] = Array.isArray(reply) ? (reply as unknown[]) : [];
    const state = readState(read, this.#options.waitReplicas);
    if (state === undefined) {
      throw new StoreUnavailableError("redis is no primary with as many replicas as waitReplicas");
    }
    const reason = disbelieved(state);
    if (reason !== undefined) this.#options.onIgnored?.(ignored("epoch", reason, state.found));
    return state;
  }

  /** The values that came with a reading of a state; each is reported that is no revocation's. */
  #valuesIn(reply: unknown, names: readonly EntryName[]): (string | null)[] {
    const values = readValues(reply, names.length);
    for (const [index, name] of names.entries()) {
      const value = values[index] ?? null;
      if (value === null || readValue(name, value) !== undefined) continue;
      const text = `${this.keys.keyOf(name)} ${value}`;
      this.#options.onIgnored?.(ignored("entry", "a value that is no revocation's", text));
    }
    return values;
  }
}
