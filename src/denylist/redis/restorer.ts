import { StoreUnavailableError } from "../../errors.ts";
import type { Entry } from "../denylist.ts";
import type { Journal } from "../journal/journal.ts";
import type { Outbox } from "../journal/outbox.ts";
import { BackOff } from "./back-off.ts";
import { entryLine, logLine, manyLine, type NewLine } from "./feed-line.ts";
import type { KnownShards } from "./known-shards.ts";
import type { RedisReplica } from "./replica.ts";
import { groupByShard } from "./shard-groups.ts";
import { type Epoch, isIn } from "./store-state.ts";

/** What is written back, and to what. */
export interface RestorerOptions {
  readonly journal: Journal;
  readonly outbox: Outbox;
  readonly replica: RedisReplica;
  readonly known: KnownShards;
  /** The name of this sidecar in the roster. */
  readonly sidecar: string;
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

const entriesPerComparison = 2000;
/** Beyond that many, entries travel together in a line that only sidecars of this form can read. */
const mostSingleLines = 100;
const entriesPerLine = 500;

/**
 * Sees to it that all this sidecar knows is in the store, shard by shard, and confirms it.
 *
 * Where the last line that stands behind all of it is still there, nothing else is looked at. Otherwise all is
 * compared, and what is missing is written back.
 */
export class Restorer {
  readonly #options: RestorerOptions;
  readonly #lacking = new Set<string>();
  readonly #backOff = new BackOff({ firstMs: 20, longestMs: 2000 });
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: RestorerOptions) {
    this.#options = options;
  }

  /** Has these shards looked after, until all is there. */
  restore(shards: Iterable<string>): void {
    for (const shard of shards) this.#lacking.add(shard);
    this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#running;
  }

  #run(): void {
    if (this.#closed || this.#retry !== undefined) return;
    this.#running ??= this.#restoreAll().finally(() => {
      this.#running = undefined;
      if (this.#lacking.size > 0) this.#runLater();
    });
  }

  #runLater(): void {
    if (this.#closed) return;
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
      if (!this.#closed) this.#options.onTrouble((error as Error).message);
    }
  }

  async #restore(shards: readonly string[]): Promise<void> {
    const looks = await Promise.all(shards.map((shard) => this.#look(shard)));
    const comparisons = looks.filter((one) => one !== undefined);
    if (comparisons.length === 0) return;
    await this.#compareAll(new Map(comparisons.map((one) => [one.shard, one])));
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
    await this.#options.replica.confirm(shard, epoch.id, this.#options.sidecar);
  }

  async #compareAll(comparisons: ReadonlyMap<string, Comparison>): Promise<void> {
    const { journal, outbox, replica } = this.#options;
    let batch: Entry[] = [];
    const flush = async () => {
      const groups = groupByShard(batch, replica.keys);
      batch = [];
      await Promise.all(
        [...groups].map(async ([shard, entries]) => {
          const comparison = comparisons.get(shard);
          if (comparison !== undefined) await this.#compare(comparison, entries);
        }),
      );
    };
    for await (const entry of journal.entries()) {
      if (this.#closed) throw new StoreUnavailableError("stopping");
      // What is pending goes its own way.
      if (!comparisons.has(replica.keys.shardOf(entry)) || outbox.has(entry)) continue;
      if (batch.push(entry) >= entriesPerComparison) await flush();
    }
    await flush();
  }

  async #compare({ shard, epoch }: Comparison, entries: readonly Entry[]): Promise<void> {
    const { state, lacking } = await this.#options.replica.entries.lacking(shard, entries);
    if (!isIn(epoch, state)) throw changedAgain();
    if (lacking.length > 0) await this.#writeBack(shard, lacking, epoch);
  }

  /**
   * In one step with their lines if there is one log. Else the others are told first: a key without its line
   * would look as if everybody had been.
   */
  async #writeBack(shard: string, missing: readonly Entry[], epoch: Epoch): Promise<void> {
    const { replica } = this.#options;
    const announced = replica.keys.spread;
    const lines = linesFor(missing, announced);
    if (announced) await replica.publish(lines);
    const own = announced ? [logLine()] : lines;
    const { state, tail } = await replica.put(shard, missing, own, { prolong: true });
    if (tail === undefined || !isIn(epoch, state)) throw changedAgain();
  }
}

function changedAgain(): StoreUnavailableError {
  return new StoreUnavailableError("redis has changed once more");
}

function linesFor(entries: readonly Entry[], announced: boolean): NewLine[] {
  if (entries.length <= mostSingleLines) {
    return entries.map((entry) => entryLine(entry, { announced }));
  }
  const lines: NewLine[] = [];
  for (let at = 0; at < entries.length; at += entriesPerLine) {
    lines.push(manyLine(entries.slice(at, at + entriesPerLine), { announced }));
  }
  return lines;
}
