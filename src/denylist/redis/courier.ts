import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Entry, keyOfName } from "../denylist.ts";
import type { Journal } from "../journal/journal.ts";
import type { Outbox } from "../journal/outbox.ts";
import type { RedisReplica } from "./replica.ts";
import { type Epoch, isIn } from "./store-state.ts";

/** What is brought where. */
export interface CourierOptions {
  readonly outbox: Outbox;
  readonly journal: Journal;
  readonly replica: RedisReplica;
  readonly clock: Clock;
  /** Told how many revocations Redis has not acknowledged. */
  readonly onPending?: ((count: number) => void) | undefined;
}

interface Waiter {
  readonly left: Set<string>;
  readonly resolve: (epoch: Epoch) => void;
  readonly reject: (error: Error) => void;
}

const entriesPerSend = 1000;
const retryAfterMs = 500;
const mostAttempts = 20;
const pauseBetweenAttemptsMs = 50;

/**
 * Brings revocations to Redis: new ones in the order in which they were made, and everything that this
 * sidecar knows to a shard that has lost its data.
 *
 * What fails is tried again until it is done, also after a restart: the journal holds what is left.
 */
export class Courier {
  readonly #options: CourierOptions;
  readonly #retry: NodeJS.Timeout;
  #waiters: Waiter[] = [];
  #delivering: Promise<void> | undefined;
  /** Shards to which everything is to be written back. */
  readonly #lacking = new Set<string>();
  #restoring: Promise<void> | undefined;
  #closed = false;

  constructor(options: CourierOptions) {
    this.#options = options;
    options.replica.onReady(() => this.#work());
    this.#retry = setInterval(() => {
      options.outbox.dropExpired(options.clock.nowSeconds());
      this.#reportPending();
      this.#work();
    }, retryAfterMs);
    this.#retry.unref();
  }

  /**
   * Sends entries; resolves, when Redis has acknowledged both their keys and their lines in the feed, to
   * the epoch in which it did. Rejects as soon as an attempt fails; they are sent again all the same.
   */
  deliver(entries: readonly Entry[]): Promise<Epoch> {
    for (const entry of entries) this.#options.outbox.add(entry);
    this.#reportPending();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ left: new Set(entries.map(keyOfName)), resolve, reject });
      void this.#deliverAll();
    });
  }

  /** Writes back to these shards what they lack of all that this sidecar knows. */
  restore(shards: Iterable<string>): void {
    for (const shard of shards) this.#lacking.add(shard);
    void this.#restoreAll();
  }

  /** Stops, after one last attempt to deliver what is left. */
  async close(): Promise<void> {
    clearInterval(this.#retry);
    if (this.#options.outbox.size > 0) await this.#deliverAll();
    this.#closed = true;
    await this.#delivering;
    await this.#restoring;
  }

  #work(): void {
    if (!this.#options.replica.up) return;
    if (this.#options.outbox.size > 0) void this.#deliverAll();
    if (this.#lacking.size > 0) void this.#restoreAll();
  }

  #reportPending(): void {
    this.#options.onPending?.(this.#options.outbox.size);
  }

  #deliverAll(): Promise<void> {
    this.#delivering ??= this.#deliverInOrder().finally(() => {
      this.#delivering = undefined;
    });
    return this.#delivering;
  }

  async #deliverInOrder(): Promise<void> {
    const { outbox, journal } = this.#options;
    try {
      while (outbox.size > 0 && !this.#closed) {
        const batch = outbox.first(entriesPerSend);
        const waiters = [...this.#waiters];
        const epoch = await this.#sendUntilTaken(batch);
        for (const entry of outbox.acknowledge(batch)) journal.acknowledge(entry);
        this.#reportPending();
        this.#release(waiters, batch, epoch);
      }
    } catch (error) {
      for (const { reject } of this.#waiters.splice(0)) reject(error as Error);
    }
  }

  /** Those that waited before the batch was sent, and have nothing left to wait for. */
  #release(waiters: readonly Waiter[], batch: readonly Entry[], epoch: Epoch): void {
    const done = new Set<Waiter>();
    for (const waiter of waiters) {
      for (const entry of batch) waiter.left.delete(keyOfName(entry));
      if (waiter.left.size === 0) done.add(waiter);
    }
    this.#waiters = this.#waiters.filter((waiter) => !done.has(waiter));
    for (const { resolve } of done) resolve(epoch);
  }

  /** A store that has just changed is looked after by the follower; that takes a moment. */
  async #sendUntilTaken(entries: readonly Entry[]): Promise<Epoch> {
    for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
      const epoch = await this.#send(entries);
      if (epoch !== undefined) return epoch;
      await sleep(pauseBetweenAttemptsMs);
    }
    throw new StoreUnavailableError("redis has lost data, and is being filled again");
  }

  /**
   * Keys first, then the lines of the feed; both count only if the store did not change in between.
   *
   * Resolves to the epoch, or to undefined where they do not count.
   */
  async #send(entries: readonly Entry[]): Promise<Epoch | undefined> {
    const { replica } = this.#options;
    const { feedShard } = replica.keys;
    const states = await Promise.all(
      [...this.#byShard(entries)].map(
        async ([shard, some]) => [shard, await replica.put(shard, some)] as const,
      ),
    );
    if (states.some(([, { kind }]) => kind === "changed")) return undefined;
    const feed = await replica.publish(entries);
    const counts = states.every(
      ([shard, state]) => shard !== feedShard || feed.epoch?.id === state.epoch?.id,
    );
    return counts ? feed.epoch : undefined;
  }

  #restoreAll(): Promise<void> {
    this.#restoring ??= this.#restoreOnce()
      .catch(() => {
        // What has not been restored is still lacking, and is tried again.
      })
      .finally(() => {
        this.#restoring = undefined;
      });
    return this.#restoring;
  }

  async #restoreOnce(): Promise<void> {
    while (this.#lacking.size > 0 && !this.#closed) {
      const shards = [...this.#lacking];
      this.#lacking.clear();
      try {
        await this.#restore(await this.#epochsLacking(shards));
      } catch (error) {
        for (const shard of shards) this.#lacking.add(shard);
        throw error;
      }
    }
  }

  /** The shards' epochs, without those that are known to have everything. */
  async #epochsLacking(shards: readonly string[]): Promise<Map<string, Epoch>> {
    const { replica, outbox } = this.#options;
    const epochs = await Promise.all(
      shards.map(async (shard) => [shard, await replica.epochOf(shard)] as const),
    );
    return new Map(epochs.filter(([shard, { id }]) => !outbox.knows(shard, id)));
  }

  async #restore(epochs: ReadonlyMap<string, Epoch>): Promise<void> {
    if (epochs.size === 0) return;
    const { journal, outbox, replica } = this.#options;
    let batch: Entry[] = [];
    const flush = async () => {
      const sent = this.#byShard(batch);
      batch = [];
      for (const [shard, entries] of sent) {
        const epoch = epochs.get(shard);
        if (epoch !== undefined) await this.#restoreSome(shard, entries, epoch);
      }
    };
    for await (const entry of journal.entries()) {
      if (this.#closed) throw new StoreUnavailableError("stopping");
      // What is pending goes its own way.
      if (!epochs.has(replica.keys.shardOf(entry)) || outbox.has(entry)) continue;
      if (batch.push(entry) >= entriesPerSend) await flush();
    }
    await flush();
    for (const [shard, { id }] of epochs) journal.note({ verb: "known", shard, epoch: id });
  }

  /** The feed first: a key without its line would look as if everybody had been told. */
  async #restoreSome(shard: string, entries: readonly Entry[], epoch: Epoch): Promise<void> {
    const { replica } = this.#options;
    const held = await replica.entriesOf(shard, entries);
    const heldByName = new Map(held.entries.map((entry) => [keyOfName(entry), entry]));
    const missing = entries.filter((entry) => !covers(heldByName.get(keyOfName(entry)), entry));
    if (missing.length > 0) await replica.publish(missing);
    const state = await replica.put(shard, missing, { prolong: true });
    if (!isIn(epoch, state) || !isIn(epoch, held.state)) {
      throw new StoreUnavailableError("redis has lost data once more");
    }
  }

  #byShard(entries: readonly Entry[]): Map<string, Entry[]> {
    const byShard = new Map<string, Entry[]>();
    for (const entry of entries) {
      const shard = this.#options.replica.keys.shardOf(entry);
      const some = byShard.get(shard);
      if (some === undefined) byShard.set(shard, [entry]);
      else some.push(entry);
    }
    return byShard;
  }
}

/** Whether what is held says all that the entry says. */
function covers(held: Entry | undefined, entry: Entry): boolean {
  if (held === undefined) return false;
  return (
    held.expiresAt >= Math.ceil(entry.expiresAt) &&
    (held.cutoff ?? 0) >= Math.ceil(entry.cutoff ?? 0)
  );
}
