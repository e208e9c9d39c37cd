import { StoreUnavailableError } from "../../errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { Outbox } from "../journal/outbox.ts";
import { BackOff } from "./back-off.ts";
import type { KnownShards } from "./known-shards.ts";
import type { RedisReplica } from "./replica.ts";
import type { Roster } from "./roster.ts";
import { type Epoch, isIn } from "./store-state.ts";
import { changedAgain, writeBack } from "./write-back.ts";

/** What is written back, and to what. */
export interface RestorerOptions {
  readonly journal: Journal;
  readonly outbox: Outbox;
  readonly replica: RedisReplica;
  readonly known: KnownShards;
  /** Who else writes back the same, and what this sidecar is called. */
  readonly roster: Roster;
  /** Writes back what is known of how long revocations are remembered. */
  readonly restoreLives?: (() => Promise<void>) | undefined;
  /** Told what is in the way (and undefined when nothing is any more). */
  readonly onTrouble: (reason: string | undefined) => void;
}

interface Comparison {
  readonly shard: string;
  readonly epoch: Epoch;
  readonly doubts: number;
}

/**
 * Sees to it that all this sidecar knows is in the store, shard by shard, and confirms it.
 *
 * If the last line that stands after all of it is still there, nothing else is looked at. Otherwise all is
 * compared, and what is missing is written back.
 */
export class Restorer {
  readonly #options: RestorerOptions;
  readonly #lacking = new Set<string>();
  readonly #backOff = new BackOff({ firstMs: 20, maxMs: 2000 });
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(options: RestorerOptions) {
    this.#options = options;
  }

  /** Has these shards looked after, until all is there. */
  restore(shards: Iterable<string>): void {
    for (const shard of shards) this.#lacking.add(shard);
    this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#retry);
    await this.#running;
  }

  #run(): void {
    if (this.#closing.signal.aborted || this.#retry !== undefined) return;
    this.#running ??= this.#restoreAll().finally(() => {
      this.#running = undefined;
      if (this.#lacking.size > 0) this.#runLater();
    });
  }

  #runLater(): void {
    if (this.#closing.signal.aborted) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#run();
    }, this.#backOff.nextMs(performance.now()));
    this.#retry.unref();
  }

  async #restoreAll(): Promise<void> {
    const shards = [...this.#lacking];
    this.#lacking.clear();
    try {
      await this.#restore(shards);
      this.#options.onTrouble(undefined);
    } catch (error) {
      for (const shard of shards) this.#lacking.add(shard);
      if (!this.#closing.signal.aborted) this.#options.onTrouble((error as Error).message);
    }
  }

  async #restore(shards: readonly string[]): Promise<void> {
    const looks = await Promise.all(shards.map((shard) => this.#look(shard)));
    const comparisons = looks.filter((one) => one !== undefined);
    if (comparisons.length === 0) return;
    const { roster } = this.#options;
    await writeBack({
      ...this.#options,
      epochs: new Map(comparisons.map(({ shard, epoch }) => [shard, epoch])),
      from: roster.share(performance.now()),
      signal: this.#closing.signal,
    });
    await Promise.all(comparisons.map((one) => this.#settle(one)));
  }

  /** Confirms a shard that needs no comparison; returns what is needed for one that does. */
  async #look(shard: string): Promise<Comparison | undefined> {
    const { replica, known } = this.#options;
    const { state, where } = await replica.look(shard, known.tailOf(shard));
    const { epoch } = state;
    if (epoch === undefined) throw new StoreUnavailableError("redis has changed");
    if (known.mayFollow(shard, epoch) && where === "there") known.follow(shard, epoch);
    if (!known.isSettled(shard, epoch)) return { shard, epoch, doubts: known.begin(shard) };
    await this.#confirm(shard, epoch);
    return undefined;
  }

  async #settle({ shard, epoch, doubts }: Comparison): Promise<void> {
    const { replica, known } = this.#options;
    const { state, last } = await replica.look(shard);
    if (!isIn(epoch, state) || last === undefined) throw changedAgain();
    // What became doubtful meanwhile is compared in its turn; all that was known before is there.
    if (!known.settle(shard, epoch, { tail: last, doubts })) this.#lacking.add(shard);
    await this.#confirm(shard, epoch);
  }

  async #confirm(shard: string, epoch: Epoch): Promise<void> {
    if (shard === this.#options.replica.keys.feedShard) await this.#options.restoreLives?.();
    await this.#options.replica.epochs.confirm(shard, epoch.id, this.#options.roster.self);
  }
}
