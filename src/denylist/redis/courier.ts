import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Entry, keyOfName } from "../denylist.ts";
import type { Journal } from "../journal/journal.ts";
import type { Outbox } from "../journal/outbox.ts";
import { entryLine, loggedLine, logLine, type NewLine } from "./feed-line.ts";
import type { KnownShards } from "./known-shards.ts";
import type { RedisReplica } from "./replica.ts";
import { groupByShard } from "./shard-groups.ts";
import type { Epoch, ShardState } from "./store-state.ts";
import { Waiters } from "./waiters.ts";

/** What is brought where. */
export interface CourierOptions {
  readonly outbox: Outbox;
  readonly journal: Journal;
  readonly replica: RedisReplica;
  readonly known: KnownShards;
  readonly clock: Clock;
  /** Why nothing may be sent at present; undefined if it may. */
  readonly whyNotNow?: (() => string | undefined) | undefined;
  /** Told how many revocations Redis has not acknowledged. */
  readonly onPending?: ((count: number) => void) | undefined;
  /** Told what is in the way (and undefined when nothing is any more). */
  readonly onTrouble: (reason: string | undefined) => void;
}

const entriesPerSend = 1000;
const retryAfterMs = 500;
const maxAttempts = 20;
const pauseBetweenAttemptsMs = 50;

/**
 * Brings revocations to Redis, in the order in which they were made.
 *
 * What fails is tried again until it is done, also after a restart: the journal holds what is left.
 */
export class Courier {
  readonly #options: CourierOptions;
  readonly #retry: NodeJS.Timeout;
  readonly #waiters = new Waiters();
  #delivering: Promise<void> | undefined;
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
   * the epoch in which it did. Rejects as soon as an attempt fails; they are sent again anyway. Rejects, too, if they
   * expire before it is their turn.
   */
  deliver(entries: readonly Entry[]): Promise<Epoch> {
    for (const entry of entries) this.#options.outbox.add(entry);
    this.#reportPending();
    const delivered = this.#waiters.wait(entries.map(keyOfName));
    void this.#deliverAll();
    return delivered;
  }

  /** Stops, after one last attempt to deliver what is left. */
  async close(): Promise<void> {
    clearInterval(this.#retry);
    if (this.#options.outbox.size > 0) await this.#deliverAll();
    this.#closed = true;
    await this.#delivering;
  }

  #work(): void {
    if (this.#options.replica.up && this.#options.outbox.size > 0) void this.#deliverAll();
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
    const { outbox, journal, onTrouble } = this.#options;
    try {
      while (outbox.size > 0 && !this.#closed) {
        const reason = this.#options.whyNotNow?.();
        if (reason !== undefined) throw new StoreUnavailableError(reason);
        const batch = outbox.first(entriesPerSend);
        const waiting = this.#waiters.waitingFor(batch.map(keyOfName));
        const epoch = await this.#sendUntilTaken(batch);
        for (const entry of outbox.acknowledge(batch)) journal.acknowledge(entry);
        this.#reportPending();
        this.#waiters.release(waiting, epoch);
      }
      onTrouble(undefined);
      // Nothing is left that anybody could still be waiting for.
      const why = this.#closed ? "stopping" : "it expired before redis had it";
      this.#waiters.rejectAll(new StoreUnavailableError(why));
    } catch (error) {
      onTrouble((error as Error).message);
      this.#waiters.rejectAll(error as Error);
    }
  }

  /** A store that has just changed is looked after by the follower; that takes a moment. */
  async #sendUntilTaken(entries: readonly Entry[]): Promise<Epoch> {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const epoch = await this.#send(entries);
      if (epoch !== undefined) return epoch;
      await sleep(pauseBetweenAttemptsMs);
    }
    throw new StoreUnavailableError("redis has changed servers; the new one is not followed yet");
  }

  /**
   * Keys first, then the lines of the feed; in one step if all is in one shard.
   *
   * Resolves to the epoch of the feed, or to undefined if it does not count: each shard must be in the epoch
   * that the follower sees.
   */
  async #send(entries: readonly Entry[]): Promise<Epoch | undefined> {
    const { replica } = this.#options;
    if (!replica.keys.spread) {
      return this.#put(
        replica.keys.feedShard,
        entries,
        entries.map((entry) => entryLine(entry)),
      );
    }
    const groups = [...groupByShard(entries, replica.keys)];
    const put = await Promise.all(groups.map(([shard, some]) => this.#putInShard(shard, some)));
    if (put.some((lines) => lines === undefined)) return undefined;
    const lines = put.flatMap((some) => some ?? []);
    return this.#epochOf(replica.keys.feedShard, await replica.publish(lines));
  }

  /** Resolves to the lines that tell the others, in the feed, where the shard's own log has the entries. */
  async #putInShard(shard: string, entries: readonly Entry[]): Promise<NewLine[] | undefined> {
    const written = await this.#write(shard, entries, [logLine()]);
    return written && entries.map((entry) => loggedLine(entry, shard, written.tail));
  }

  async #put(
    shard: string,
    entries: readonly Entry[],
    lines: readonly NewLine[],
  ): Promise<Epoch | undefined> {
    return (await this.#write(shard, entries, lines))?.epoch;
  }

  /**
   * Writes to a shard that has not gone back to before what is known. Else the new line would hide that: it is there, and it
   * says that all before it is.
   */
  async #write(shard: string, entries: readonly Entry[], lines: readonly NewLine[]) {
    const { replica, known } = this.#options;
    const after = known.lastOf(shard);
    const { state, tail, follows } = await replica.put(shard, entries, lines, { after });
    const epoch = await this.#epochOf(shard, state);
    if (epoch === undefined || tail === undefined) return undefined;
    if (after !== undefined && !follows) known.doubt(shard);
    known.advance(shard, tail);
    return { epoch, tail };
  }

  async #epochOf(shard: string, state: ShardState): Promise<Epoch | undefined> {
    return (await this.#options.replica.isBelieved(shard, state)) ? state.epoch : undefined;
  }
}
