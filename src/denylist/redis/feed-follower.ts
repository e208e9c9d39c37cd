import { setTimeout as sleep } from "node:timers/promises";
import type { Stopwatch } from "../../platform/clock.ts";
import type { Entry } from "../denylist.ts";
import type { FeedLine } from "./feed-line.ts";
import { Freshness } from "./freshness.ts";
import type { FeedReading, RedisReplica } from "./replica.ts";
import { disbelieved, type Epoch } from "./store-state.ts";

/** What is followed, and who is told. */
export interface FeedFollowerOptions {
  readonly replica: RedisReplica;
  readonly now: Stopwatch;
  /** Takes over entries that the store has. */
  readonly onEntries: (entries: readonly Entry[]) => void;
  /** Told of every new epoch of the feed's shard, the first one seen included. */
  readonly onEpoch: (epoch: Epoch) => void;
  /** Told that another shard has lost data. */
  readonly onLost: (shard: string) => void;
  /** Told, once each, why the store can't be relied on (and undefined when it can be again). */
  readonly onTrouble: (reason: string | undefined) => void;
  readonly allowEviction: boolean;
  /** Whether a complete table is enough to answer by. */
  readonly reads: "local" | "every-request";
}

const linesPerRead = 1000;
const readsPerStaleness = 3;
const retryAfterMs = 100;
const policyEveryMs = 10_000;

/**
 * Follows the feed, and knows at any time what that proves about the table.
 *
 * One reading after the other, a third of the staleness apart, each atomic with the state of the server.
 * In the beginning, and after anything was missed, it has the whole store loaded while it follows.
 */
export class FeedFollower {
  readonly freshness: Freshness;
  readonly #options: FeedFollowerOptions;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;
  #epoch: Epoch | undefined;
  #position = "-";
  #trouble: string | undefined = "redis has not been read yet";
  /** What of the shard was not believed, until it has settled. */
  #disbelief = "";
  #policyCheckedMs = Number.NEGATIVE_INFINITY;
  #mayEvict = true;
  /** Whether every shard could be trusted when last looked at, and none is known to have lost anything since. */
  #settled = false;
  /** Counts what makes a load under way worthless. */
  #interruptions = 0;
  #loading: Promise<void> | undefined;

  constructor(options: FeedFollowerOptions) {
    this.#options = options;
    this.freshness = new Freshness(options.now);
    this.#running = this.#run();
  }

  /** Why the store can't be relied on at present; undefined where it can. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Whether Redis may throw revocations away, or nobody knows yet: what is not there may have been. */
  get mayEvict(): boolean {
    return this.#mayEvict;
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#loading;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const pauseMs = await this.#step().catch((error: Error) => {
        this.#setTrouble(error.message);
        return retryAfterMs;
      });
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  /** One reading; resolves to the pause before the next, in milliseconds. */
  async #step(): Promise<number> {
    await this.#checkPolicy();
    const sent = this.#options.now();
    const reading = await this.#options.replica.readFeed(this.#position, linesPerRead);
    const { state } = reading;
    const disbelief = disbelieved(state);
    if (disbelief !== undefined) this.#disbelief = `; not believed: ${disbelief}`;
    // A feed without a single line is not one that an epoch began in: somebody has deleted it.
    const deleted = !reading.anchored && reading.lines.length === 0;
    if (state.kind === "changed" || deleted) {
      await this.#options.replica.establish(this.#options.replica.keys.feedShard, state.found);
      return 0;
    }
    if (state.epoch.id !== this.#epoch?.id) {
      this.#enter(state.epoch);
      return 0;
    }
    if (!this.#advance(reading)) return 0;
    this.freshness.prove(sent);
    if (!this.freshness.complete || !this.#settled) this.#load();
    this.#judge();
    return state.epoch.stalenessMs / readsPerStaleness;
  }

  #enter(epoch: Epoch): void {
    // With replicas that must have each write, one that was replaced can't have promised anything since.
    const handedOver = epoch.server !== this.#epoch?.server && !this.#options.replica.fenced;
    this.freshness.enter(epoch.stalenessMs, { handedOver });
    this.#interruptions += 1;
    this.#settled = false;
    this.#epoch = epoch;
    // Every revocation that counts in this epoch has its line behind this one.
    this.#position = epoch.feedStart;
    this.#options.onEpoch(epoch);
    this.#judge();
  }

  /** Takes over what was read; returns whether it went to the feed's end. */
  #advance({ anchored, lines, position }: FeedReading): boolean {
    this.#position = position;
    if (!anchored) {
      this.freshness.missed();
      this.#interruptions += 1;
      return false;
    }
    this.#options.onEntries(lines.flatMap((line) => (line.kind === "entry" ? [line.entry] : [])));
    for (const line of lines) if (line.kind === "lost") this.#lost(line);
    // A full batch proves nothing: there may be more.
    return lines.length < linesPerRead;
  }

  #lost({ shard }: FeedLine & { kind: "lost" }): void {
    this.#interruptions += 1;
    this.#settled = false;
    this.#options.onLost(shard);
  }

  async #checkPolicy(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#policyCheckedMs < policyEveryMs) return;
    const policy = this.#options.allowEviction
      ? "noeviction"
      : await this.#options.replica.evictionPolicy();
    this.#mayEvict = policy !== "noeviction";
    if (this.#mayEvict) {
      this.freshness.missed();
      throw new Error(
        `redis may evict revocations: its maxmemory-policy is ${policy}; set it to noeviction`,
      );
    }
    this.#policyCheckedMs = nowMs;
  }

  /** Looks in the background whether all shards are settled, and loads them where the table lacks anything. */
  #load(): void {
    this.#loading ??= this.#loadOnce(this.#interruptions)
      .catch(() => {
        // Whatever was in its way shows in the next reading, and the load is begun again.
      })
      .finally(() => {
        this.#loading = undefined;
      });
  }

  async #loadOnce(interruptions: number): Promise<void> {
    const before = await this.#trustedEpochs();
    if (this.#interruptions !== interruptions) return;
    this.#settled = before !== undefined;
    if (!this.#settled || this.freshness.complete) return;
    for await (const [shard, names] of this.#options.replica.names()) {
      if (this.#stopped.signal.aborted || this.#interruptions !== interruptions) return;
      const { entries } = await this.#options.replica.entriesOf(shard, names);
      this.#options.onEntries(entries);
    }
    const after = await this.#trustedEpochs();
    // In one epoch from the beginning to the end: nothing was lost meanwhile.
    if (before === after && this.#interruptions === interruptions) this.freshness.loaded();
  }

  /** The epochs of all shards, in words; undefined where one of them is not to be trusted. */
  async #trustedEpochs(): Promise<string | undefined> {
    const { replica } = this.#options;
    const shards = [replica.keys.feedShard, ...replica.keys.entryShards];
    const states = await Promise.all(shards.map((shard) => replica.state(shard)));
    if (states.some(({ kind }) => kind !== "trusted")) return undefined;
    return states.map(({ epoch }) => epoch?.id).join(" ");
  }

  /** Says whether there will be answers: from a complete table, or from a store that can be trusted. */
  #judge(): void {
    const fromMemory = this.#options.reads === "local" && this.freshness.complete;
    if (this.#settled) this.#disbelief = "";
    const trouble = `redis has lost data, or is new, and is being filled again${this.#disbelief}`;
    this.#setTrouble(fromMemory || this.#settled ? undefined : trouble);
  }

  #setTrouble(trouble: string | undefined): void {
    if (trouble !== this.#trouble) this.#options.onTrouble(trouble);
    this.#trouble = trouble;
  }
}
