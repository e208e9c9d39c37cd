import { StoreUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { EntryName, TokenNames } from "../denylist.ts";
import { readTimes } from "../entry-text.ts";
import { ignored, type OnIgnored } from "../ignored.ts";
import { askRunId } from "./ask-run-id.ts";
import { BackOff } from "./back-off.ts";
import type { RedisConnectionOptions, RedisSecrets } from "./client.ts";
import { RedisConnection } from "./connection.ts";
import { EntryReader } from "./entry-reader.ts";
import { EntryWriter } from "./entry-writer.ts";
import { EpochWriter } from "./epoch-writer.ts";
import type { NewLine } from "./feed-line.ts";
import { FeedReader, type FeedReading, type Look } from "./feed-reader.ts";
import { KeySpace } from "./key-space.ts";
import type { Tail } from "./log-line.ts";
import { LookUps } from "./look-ups.ts";
import { OwnLines } from "./own-lines.ts";
import type { ScriptName } from "./scripts.ts";
import { Snapshots } from "./snapshots.ts";
import { disbelieved, type Epoch, readState, type ShardState } from "./store-state.ts";

/** Which Redis, and what the store there is like. */
export interface RedisReplicaOptions extends RedisConnectionOptions {
  readonly keyPrefix: string;
  /** What a new epoch says of staleness, in milliseconds. */
  readonly stalenessMs: number;
  /** How long the sidecars have at most to write back what they know, in milliseconds. */
  readonly graceMs: number;
  /** How many replicas must have a write before it counts, and be there for an answer to count. */
  readonly waitReplicas: number;
  /** Trusts a Redis that may evict keys. */
  readonly allowEviction: boolean;
  /** How many lines the feed keeps, about. */
  readonly feedLines: number;
  /** What lifetimes are counted from: the clock that keeps longer. */
  readonly clock: Clock;
  /** Told of what stands in Redis and cannot have been written by a revgate. */
  readonly onIgnored?: OnIgnored | undefined;
  /** As FeedReaderOptions.onRefused. */
  readonly onRefused?: ((reason: string | undefined) => void) | undefined;
}

/** Longer than a look-up waits for others to travel with. */
const queueSeconds = 1;

/**
 * The Redis side of the denylist: a key an entry, which outlives the entry a little, and the feed.
 *
 * Three connections, so that neither a long queue of look-ups nor a write that waits for replicas is in the
 * way of the feed. They may end at different servers: what the follower's says is what counts, and what
 * the others say counts only in the epoch that the follower saw (`believe`). Whatever can't be done rejects
 * with StoreUnavailableError.
 */
export class RedisReplica {
  readonly keys: KeySpace;
  /** What stands there. */
  readonly entries: EntryReader;
  /** What of it newcomers are told at once; of a server by itself. */
  readonly snapshots: Snapshots;
  /** Begins epochs, and says who lives. */
  readonly epochs: EpochWriter;
  #options: RedisReplicaOptions;
  readonly #reader: RedisConnection;
  readonly #writer: RedisConnection;
  readonly #follower: RedisConnection;
  readonly #feedReader: FeedReader;
  readonly #entryWriter: EntryWriter;
  readonly #lookUps: LookUps;
  readonly #believed = new Map<string, Pick<ShardState, "epoch" | "found">>();
  readonly #backOff = new BackOff({ firstMs: 500, maxMs: 10_000 });
  #doubt: ((shard: string) => void) | undefined;

  constructor(options: RedisReplicaOptions) {
    this.#options = options;
    const { onConnection, ...silent } = options;
    this.keys = new KeySpace(options.keyPrefix, { spread: options.topology.kind === "cluster" });
    this.#reader = new RedisConnection({ ...options, name: "revgate-reader" });
    this.#writer = new RedisConnection({ ...silent, name: "revgate-writer" });
    this.#follower = new RedisConnection({ ...silent, name: "revgate-follower" });
    const shared = {
      ...{ ...options, keys: this.keys, ownLines: new OwnLines() },
      stateOf: (reply: unknown) => this.#stateOf(reply),
      isBelieved: (shard: string, state: ShardState) => this.isBelieved(shard, state),
    };
    this.entries = new EntryReader({ ...shared, connection: this.#reader });
    this.#feedReader = new FeedReader({
      ...{ ...shared, connection: this.#follower, onRefused: options.onRefused },
      needsReplicas: options.waitReplicas > 0,
    });
    this.#entryWriter = new EntryWriter({
      ...shared,
      epochText: (shard) => this.#believed.get(shard)?.found ?? "",
      write: (...args) => this.#write(this.#writer, ...args),
      onGone: (shard) => this.#doubt?.(shard),
    });
    this.epochs = new EpochWriter({
      ...shared,
      write: (...args) => this.#write(this.#follower, ...args),
      run: (...args) => this.#follower.run(...args),
      inOneStep: (commands) => this.#follower.inOneStep(commands),
      publish: (lines) => this.publish(lines),
    });
    // Own lines say what a newcomer has to be told, too.
    const whole = new FeedReader({
      ...{ ...shared, connection: this.#reader, ownLines: new OwnLines() },
      needsReplicas: true,
    });
    this.snapshots = new Snapshots({
      ...shared,
      run: (...args) => this.#reader.run(...args),
      write: (...args) => this.#write(this.#writer, ...args),
      readFeed: (position, count) => whole.readFeed({ position, count, maxAgeMs: 0 }),
      epochText: () => this.#believed.get("")?.found ?? "",
    });
    this.#lookUps = new LookUps(this.keys, (shard, names) => this.#askShard(shard, names));
  }

  /** Whether commands can be sent at present. */
  get up(): boolean {
    return this.#reader.up && this.#writer.up;
  }

  /** Why not. */
  get whyDown(): string {
    return (this.#reader.up ? this.#writer : this.#reader).whyDown;
  }

  /** What to try other secrets with. */
  optionsWith(secrets: RedisSecrets): RedisConnectionOptions {
    const { onConnection, ...silent } = { ...this.#options, ...secrets };
    return silent;
  }

  /** Uses other secrets from the next connection on. */
  adopt(secrets: RedisSecrets): void {
    this.#options = { ...this.#options, ...secrets };
    for (const connection of this.#connections) connection.adopt(secrets);
  }

  /** Whether a server that was replaced cannot take a write any more: its replicas have left it. */
  get fenced(): boolean {
    return this.#options.waitReplicas > 0;
  }

  /**
   * Connects anew, through the configured address, and resolves to the run id of the server that is there;
   * undefined for a Cluster, which tells by its slots who has them.
   */
  get askName(): ((signal: AbortSignal) => Promise<string>) | undefined {
    return this.keys.spread ? undefined : (signal) => askRunId(this.#options, signal);
  }

  /** Calls back each time that entries can be sent again, the first time included. */
  onReady(listener: () => void): void {
    this.#writer.onReady(listener);
  }

  /** From now on answers about a shard count only in that epoch: the one that the follower saw. */
  believe(shard: string, state: Pick<ShardState, "epoch" | "found">): void {
    if (state.epoch === undefined) this.#believed.delete(shard);
    else this.#believed.set(shard, state);
  }

  /**
   * Whether an answer about a shard is of the epoch that the follower saw.
   *
   * If not, the follower's server is asked once more; and if that is another server, the connections are made
   * anew.
   */
  async isBelieved(shard: string, { epoch, server }: ShardState): Promise<boolean> {
    if (this.#believes(shard, epoch)) return true;
    const { state } = await this.look(shard);
    if (state.server !== server) this.reconnect();
    else if (state.kind === "changed") this.#doubt?.(shard);
    return this.#believes(shard, epoch);
  }

  #believes(shard: string, epoch: Epoch | undefined): boolean {
    return epoch !== undefined && this.#believed.get(shard)?.epoch?.id === epoch.id;
  }

  /** Calls back if a shard was found changed, or gone back, by another connection than the follower's. */
  onDoubt(listener: (shard: string) => void): void {
    this.#doubt = listener;
  }

  /** Whether a token has been revoked. Look-ups of one turn of the event loop travel together. */
  ask(token: TokenNames): Promise<"revoked" | "live"> {
    return this.#lookUps.ask(token);
  }

  /** The session to which a token was linked. */
  sessionOf(token: TokenNames): Promise<string | undefined> {
    return this.#lookUps.sessionOf(token);
  }

  /** As EntryWriter.put. */
  put(...args: Parameters<EntryWriter["put"]>): ReturnType<EntryWriter["put"]> {
    return this.#entryWriter.put(...args);
  }

  /** Tells the other sidecars through the feed; rejects if it is not in the epoch that the follower saw. */
  async publish(lines: readonly NewLine[]): Promise<ShardState> {
    const { state, tail } = await this.put(this.keys.feedShard, [], lines);
    if (tail === undefined) throw new StoreUnavailableError("redis has changed");
    return state;
  }

  /** As FeedReader.readFeed. */
  readFeed(...args: Parameters<FeedReader["readFeed"]>): Promise<FeedReading> {
    return this.#feedReader.readFeed(...args);
  }

  /** What a shard is like, by the follower's word, and where a line of its log is. */
  async look(shard: string, tail?: Tail): Promise<Look> {
    const look = await this.#feedReader.look(shard, tail);
    if (shard !== this.keys.feedShard) this.believe(shard, look.state);
    return look;
  }

  /** Puts the forms of names in the place of those found; resolves to what stands there then ("": nothing). */
  exchangeNameForms(found: string, wanted: string): Promise<string> {
    return this.#exchange(this.#writer, this.keys.nameFormsKey, { found, wanted });
  }

  /** The same for what says whose names have no issuer. */
  exchangeMainIssuer(found: string, wanted: string): Promise<string> {
    return this.#exchange(this.#writer, this.keys.mainIssuerKey, { found, wanted });
  }

  /** The same for what says which claims name subjects and sessions. */
  exchangeReadings(found: string, wanted: string): Promise<string> {
    return this.#exchange(this.#writer, this.keys.readingsKey, { found, wanted });
  }

  /** The same, at the follower's server, for what says since when revocations are remembered for how long. */
  exchangeLives(found: string, wanted: string): Promise<string> {
    return this.#exchange(this.#follower, this.keys.livesKey, { found, wanted });
  }

  async #exchange(
    connection: RedisConnection,
    key: string,
    { found, wanted }: { readonly found: string; readonly wanted: string },
  ): Promise<string> {
    const held = await this.#write(connection, "exchange", [key], [found, wanted]);
    if (typeof held === "string") return held;
    throw new StoreUnavailableError("redis sent an unexpected answer in place of a text");
  }

  /** What the servers do when their memory is full: `noeviction` everywhere, or the first other policy. */
  async evictionPolicy(): Promise<string> {
    const infos = await this.#follower.info("memory");
    const policies = infos.map((info) => /maxmemory_policy:([\w-]+)/.exec(info)?.[1] ?? "unknown");
    return policies.find((policy) => policy !== "noeviction") ?? "noeviction";
  }

  /** Makes all connections anew, since they lead to different servers; not again and again. */
  reconnect(): void {
    if (!this.#backOff.mayTry(performance.now())) return;
    for (const connection of this.#connections) connection.reconnect();
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  get #connections(): readonly RedisConnection[] {
    return [this.#reader, this.#writer, this.#follower];
  }

  async #askShard(shard: string, names: readonly EntryName[]) {
    // The token was judged before it was asked for: what it could be revoked by must not end in between.
    const judged = this.#options.clock.nowSeconds() - queueSeconds;
    const { state, values } = await this.entries.valuesOf(shard, names);
    const believed = await this.isBelieved(shard, state);
    // A key may outlive its entry; what can't be read has no end that anybody knows.
    const live = values.map((value, index) => {
      const name = names[index];
      const entry = name && value !== null ? readTimes(name, value) : undefined;
      return entry !== undefined && entry.expiresAt <= judged ? null : value;
    });
    return { trusted: state.kind === "trusted" && believed, values: live };
  }

  #write(
    connection: RedisConnection,
    script: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return connection.run(script, keys, args, { replicas: this.#options.waitReplicas });
  }

  #stateOf(reply: unknown): ShardState {
    const { waitReplicas: replicas, allowEviction } = this.#options;
    const [read] = Array.isArray(reply) ? (reply as unknown[]) : [];
    const state = readState(read, { replicas, allowEviction });
    if (state === undefined) {
      throw new StoreUnavailableError(
        "redis is not a primary with the replicas that waitReplicas asks for",
      );
    }
    const reason = disbelieved(state);
    if (reason !== undefined) this.#options.onIgnored?.(ignored("epoch", reason, state.found));
    return state;
  }
}
