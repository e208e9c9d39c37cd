import { randomBytes } from "node:crypto";
import { StoreUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Entry, EntryName, TokenNames } from "../denylist.ts";
import { ignored, type OnIgnored } from "../ignored.ts";
import { BackOff } from "./back-off.ts";
import type { RedisConnectionOptions, RedisSecrets } from "./client.ts";
import { askRunId, RedisConnection } from "./connection.ts";
import { EntryReader } from "./entry-reader.ts";
import { readValue } from "./entry-value.ts";
import { type FeedLine, lostLine, type NewLine, readFeedLine } from "./feed-line.ts";
import { KeySpace } from "./key-space.ts";

import {
  readStreamLines,
  readWhereabouts,
  type Tail,
  tailOf,
  type Whereabouts,
} from "./log-line.ts";
import { LookUps } from "./look-ups.ts";
import { OwnLines } from "./own-lines.ts";
import { guardMs, type ScriptName } from "./scripts.ts";
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
}

/** The answer to a read of the feed. */
export interface FeedReading {
  readonly state: ShardState;
  /** Where the line read last is; unless it is there, `lines` are not what came behind it. */
  readonly position: Whereabouts;
  /** Where the last line is that was known to be there. */
  readonly tail: Whereabouts;
  readonly lines: readonly FeedLine[];
  /** Whether there may be more lines behind them: then they prove nothing. */
  readonly more: boolean;
  /** The server's clock, in milliseconds since 1970. */
  readonly serverTimeMs: number;
}

/** The answer to a look at a shard. */
export interface Look {
  readonly state: ShardState;
  /** Where the line is that was asked for; undefined if none was. */
  readonly where: Whereabouts | undefined;
  /** The last line of the shard's log. */
  readonly last: Tail | undefined;
}

/** What a sidecar says of itself and the others. */
export interface Beat {
  readonly leaves: boolean;
  readonly died: readonly string[];
  readonly sawOlder: boolean;
}

/** What a beat tells of the sidecars there are. */
export interface Beats {
  readonly state: ShardState;
  /** How often each has beaten; `left` if it does no more. */
  readonly counts: ReadonlyMap<string, string>;
  /** Whether some are of an older form, which do not beat. */
  readonly older: boolean;
}

/** How much longer a key lives in Redis than its entry: for tidying up only, so that it errs long. */
const slackSeconds = 15 * 60;
/** Longer than a look-up waits for others to travel with. */
const queueSeconds = 1;
const shardLogLines = 1000;
const olderForMs = 24 * 3600 * 1000;
const mostAwaited = 5000;

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
  #options: RedisReplicaOptions;
  readonly #reader: RedisConnection;
  readonly #writer: RedisConnection;
  readonly #follower: RedisConnection;
  readonly #lookUps: LookUps;
  readonly #believed = new Map<string, Pick<ShardState, "epoch" | "found">>();
  readonly #backOff = new BackOff({ firstMs: 500, longestMs: 10_000 });
  readonly #ownLines = new OwnLines();
  #doubt: ((shard: string) => void) | undefined;

  constructor(options: RedisReplicaOptions) {
    this.#options = options;
    const { onConnection, ...silent } = options;
    this.keys = new KeySpace(options.keyPrefix, { spread: options.topology.kind === "cluster" });
    this.#reader = new RedisConnection({ ...options, name: "revgate-reader" });
    this.#writer = new RedisConnection({ ...silent, name: "revgate-writer" });
    this.#follower = new RedisConnection({ ...silent, name: "revgate-follower" });
    this.entries = new EntryReader({
      ...options,
      connection: this.#reader,
      keys: this.keys,
      stateOf: (reply) => this.#stateOf(reply),
      isBelieved: (shard, state) => this.isBelieved(shard, state),
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

  /** Calls back if a shard was found changed by somebody else than the follower. */
  onDoubt(listener: (shard: string) => void): void {
    this.#doubt = listener;
  }

  /** Whether a token has been revoked. Look-ups of one turn of the event loop travel together. */
  ask(token: TokenNames): Promise<"revoked" | "live"> {
    return this.#lookUps.ask(token);
  }

  /**
   * Stores entries of one shard, and behind them, in the same step, lines in its log; resolves to the last of
   * these. Nothing is written, and `tail` is undefined, unless the shard is in the epoch that the follower saw.
   * Of two expiries and two cut-offs the later holds; `prolong` makes a grace period go on.
   */
  async put(
    shard: string,
    entries: readonly Entry[],
    lines: readonly NewLine[],
    { prolong = false }: { readonly prolong?: boolean } = {},
  ): Promise<{ state: ShardState; tail: Tail | undefined }> {
    const keys = [...this.keys.stateKeys(shard), ...entries.map((entry) => this.keys.keyOf(entry))];
    const { graceMs, feedLines } = this.#options;
    const length = shard === this.keys.feedShard ? feedLines : shardLogLines;
    this.#ownLines.note(lines);
    const reply = await this.#write(this.#writer, "put", keys, [
      ...[this.#believed.get(shard)?.found ?? "", prolong ? graceMs : 0, length, lines.length],
      ...lines.flatMap(({ line, more }) => [line, more]),
      ...this.#entryArguments(entries),
    ]);
    const [, id] = reply as [unknown, string];
    const text = lines.at(-1)?.line ?? "";
    const state = this.#stateOf(reply);
    if (id === "") await this.isBelieved(shard, state);
    return { state, tail: id === "" ? undefined : { id, text } };
  }

  #entryArguments(entries: readonly Entry[]): (string | number)[] {
    const now = this.#options.clock.nowSeconds();
    return entries.flatMap(({ expiresAt, cutoff }) => [
      Math.ceil(expiresAt),
      cutoff === undefined ? "" : Math.ceil(cutoff),
      Math.max(1, Math.ceil(expiresAt - now)) + slackSeconds,
    ]);
  }

  /** Tells the other sidecars through the feed; rejects if it is not in the epoch that the follower saw. */
  async publish(lines: readonly NewLine[]): Promise<ShardState> {
    const { state, tail } = await this.put(this.keys.feedShard, [], lines);
    if (tail === undefined) throw new StoreUnavailableError("redis has changed");
    return state;
  }

  /** Reads at most `count` lines behind a position, and looks where that and the tail are. */
  async readFeed(position: Tail, count: number, tail = position): Promise<FeedReading> {
    const keys = this.keys.stateKeys(this.keys.feedShard);
    const args = [position.id, count, tail.id, guardMs];
    const reply = await this.#follower.run("read", keys, args);
    const [, where, tailWhere, lines, time, more] = reply as unknown[];
    const isOwn = (text: string) => this.#ownLines.take(text);
    const read = readStreamLines(lines).map((line) => readFeedLine(line, this.keys, isOwn));
    for (const { ignored: text } of read) {
      if (text === undefined) continue;
      this.#options.onIgnored?.(ignored("feed", "a line that says nothing", text));
    }
    return {
      state: this.#stateOf(reply),
      position: readWhereabouts(where, position),
      tail: readWhereabouts(tail.id === position.id ? where : tailWhere, tail),
      lines: read,
      more: more !== 0,
      serverTimeMs: readTime(time),
    };
  }

  /** What a shard is like, by the follower's word, and where a line of its log is. */
  async look(shard: string, tail?: Tail): Promise<Look> {
    const args = [tail?.id ?? "", guardMs];
    const reply = await this.#follower.run("look", this.keys.stateKeys(shard), args);
    const [, where, lines] = reply as unknown[];
    const [last] = readStreamLines(lines);
    const state = this.#stateOf(reply);
    if (shard !== this.keys.feedShard) this.believe(shard, state);
    return {
      state,
      where: tail && readWhereabouts(where, tail),
      last: last && tailOf(last),
    };
  }

  /**
   * Begins a new epoch of a shard that was found changed, at the follower's server; resolves to what it is like
   * then. Its grace period ends when the sidecars in `awaited` have confirmed; without them, by itself.
   */
  async establish(
    shard: string,
    found: string,
    { graceMs, awaited }: { readonly graceMs: number; readonly awaited: readonly string[] },
  ): Promise<ShardState> {
    // Told before it is done: a new epoch of which nobody knows would be trusted too soon.
    if (shard !== this.keys.feedShard) await this.publish([lostLine(shard)]);
    const id = randomBytes(12).toString("base64url");
    const some = awaited.length > mostAwaited ? [] : awaited;
    const args = [found, id, this.#options.stalenessMs, graceMs, guardMs, ...some];
    const { spread, rosterKeys, nameFormsKey, livesKey } = this.keys;
    const others = spread ? [] : [...rosterKeys, nameFormsKey, livesKey];
    const keys = [...this.keys.stateKeys(shard), ...others];
    return this.#stateOf(await this.#write(this.#follower, "establish", keys, args));
  }

  /** Says that a sidecar has written back to that epoch of a shard what was missing. */
  async confirm(shard: string, epochId: string, sidecar: string): Promise<ShardState> {
    const keys = this.keys.stateKeys(shard);
    return this.#stateOf(await this.#write(this.#follower, "confirm", keys, [epochId, sidecar]));
  }

  /** Says that a sidecar lives or leaves, that others have died, and whether some are of an older form. */
  async beat(sidecar: string, { leaves, died, sawOlder }: Beat): Promise<Beats> {
    const keys = [...this.keys.stateKeys(this.keys.feedShard), ...this.keys.rosterKeys];
    const args = [sidecar, leaves ? 1 : 0, sawOlder ? olderForMs : 0, ...died];
    const reply = await this.#follower.run("beat", keys, args);
    const [, flat, older] = reply as [unknown, string[], number];
    const counts = new Map<string, string>();
    for (let at = 0; at < flat.length; at += 2) counts.set(flat[at] ?? "", flat[at + 1] ?? "");
    return { state: this.#stateOf(reply), counts, older: older === 1 };
  }

  /** Puts the forms of names in the place of those found; resolves to what stands there then ("": nothing). */
  exchangeNameForms(found: string, wanted: string): Promise<string> {
    return this.#exchange(this.#writer, this.keys.nameFormsKey, { found, wanted });
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
    throw new StoreUnavailableError("redis answers something else than a text of revgate's");
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
      const entry = name && value !== null ? readValue(name, value) : undefined;
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
      throw new StoreUnavailableError("redis is no primary with as many replicas as waitReplicas");
    }
    const reason = disbelieved(state);
    if (reason !== undefined) this.#options.onIgnored?.(ignored("epoch", reason, state.found));
    return state;
  }
}

/** Reads what TIME returned; NaN if it is no time, which agrees with no clock. */
function readTime(time: unknown): number {
  const [seconds, microseconds] = Array.isArray(time) ? (time as unknown[]) : [];
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}
