import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Entry } from "../denylist.ts";
import type { Look } from "./feed-reader.ts";
import { inSlices } from "./in-slices.ts";
import type { KnownShards } from "./known-shards.ts";
import type { RedisReplica } from "./replica.ts";
import type { Roster } from "./roster.ts";
import { interrupted, loadSnapshot } from "./snapshot-load.ts";
import { type Epoch, isIn, type ShardState } from "./store-state.ts";

/** What is loaded, and where to. */
export interface LoaderOptions {
  readonly replica: RedisReplica;
  readonly known: KnownShards;
  /** By this, things are forgotten. */
  readonly clock: Clock;
  /** Whether sidecars of an older form were met. */
  readonly roster: Pick<Roster, "metOlder">;
  /** Takes over entries that the store has. */
  readonly onEntries: (entries: readonly Entry[]) => void;
  /** How long a loss may go unnoticed by the sidecars that could tell, in milliseconds. */
  readonly noticeMs: number;
  readonly signal: AbortSignal;
  /** Told of a shard that has changed, and of which no sidecar has begun a new epoch. */
  readonly onChanged: (shard: string) => void;
}

/** Which epoch each shard is in; undefined if one of them can't be trusted. */
export type TrustedEpochs = ReadonlyMap<string, Epoch> | undefined;

/** Looks at all shards, and loads everything that is in them. */
export class Loader {
  readonly #options: LoaderOptions;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** The epochs of all shards, by the follower's word; undefined if one of them can't be trusted. */
  async trustedEpochs(): Promise<TrustedEpochs> {
    const looks = await this.#lookAtAll();
    const epochs = new Map<string, Epoch>();
    for (const [shard, { state }] of looks) {
      if (state.kind === "trusted") epochs.set(shard, state.epoch);
      else if (state.kind === "changed") this.#options.onChanged(shard);
    }
    return epochs.size === looks.length ? epochs : undefined;
  }

  /**
   * Loads the store; resolved, everything was taken over that was there from the beginning to the end, and every
   * shard was in one epoch, at the follower's server.
   *
   * It takes at least as long as a loss may go unnoticed: a newcomer has nothing to notice it by. Rejects with
   * StoreUnavailableError if anything may be missing. `isWanted` ends it early.
   */
  async load(epochs: ReadonlyMap<string, Epoch>, isWanted: () => boolean): Promise<void> {
    const { replica, known, onEntries, noticeMs, signal } = this.#options;
    const noticed = performance.now() + noticeMs;
    await this.#checkAll(epochs);
    const pages = async () => {
      for await (const { shard, state, entries } of replica.entries.pages()) {
        if (!isWanted()) throw interrupted();
        check(epochs, shard, state);
        await inSlices(entries, onEntries);
      }
    };
    if (!(await this.#loadSnapshot(epochs, isWanted))) await pages();
    await this.#checkAll(epochs);
    await sleep(Math.max(0, noticed - performance.now()), undefined, { signal });
    for (const [shard, { state, last }] of await this.#lookAtAll()) {
      check(epochs, shard, state);
      if (last !== undefined) known.advance(shard, last);
    }
  }

  /** Resolves to whether there was a snapshot, and all of it was taken over, with all that came since. */
  async #loadSnapshot(
    epochs: ReadonlyMap<string, Epoch>,
    isWanted: () => boolean,
  ): Promise<boolean> {
    const { replica, roster } = this.#options;
    const epoch = epochs.get("");
    // Sidecars of an older form write back without a line.
    if (replica.keys.spread || epoch === undefined || roster.metOlder) return false;
    return loadSnapshot({ ...this.#options, epoch, isWanted });
  }

  /** By the server that the entries are read from. */
  async #checkAll(epochs: ReadonlyMap<string, Epoch>): Promise<void> {
    const { entries, keys } = this.#options.replica;
    for (const shard of keys.entryShards) check(epochs, shard, await entries.stateOf(shard));
  }

  async #lookAtAll(): Promise<(readonly [string, Look])[]> {
    const { replica } = this.#options;
    const shards = new Set([replica.keys.feedShard, ...replica.keys.entryShards]);
    return Promise.all(
      [...shards].map(async (shard) => [shard, await replica.look(shard)] as const),
    );
  }
}

/** Throws StoreUnavailableError unless a shard is in the epoch that the follower sees. */
function check(epochs: ReadonlyMap<string, Epoch>, shard: string, state: ShardState): void {
  const epoch = epochs.get(shard);
  if (epoch === undefined || !isIn(epoch, state)) {
    throw new StoreUnavailableError("redis changed during a load");
  }
}
