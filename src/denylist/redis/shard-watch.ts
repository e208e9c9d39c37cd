import type { EpochKeeper } from "./epoch-keeper.ts";
import type { KnownShards } from "./known-shards.ts";
import type { RedisReplica } from "./replica.ts";
import { isIn, type ShardState, wentBack } from "./store-state.ts";

/** What is watched, and who does what about it. */
export interface ShardWatchOptions {
  readonly replica: RedisReplica;
  readonly known: KnownShards;
  readonly keeper: EpochKeeper;
  /** Has a shard compared with what this sidecar knows. */
  readonly onLacking: (shard: string) => void;
}

/**
 * Watches the shards beside the feed's, which each may lose something alone: one look at a time, in turn.
 *
 * What a sidecar was told (a line of the feed, an answer of another epoch) it looks at at once; the turn finds
 * the rest.
 */
export class ShardWatch {
  readonly #options: ShardWatchOptions;
  readonly #shards: readonly string[];
  readonly #looking = new Map<string, Promise<void>>();
  #next = 0;

  constructor(options: ShardWatchOptions) {
    this.#options = options;
    const { keys } = options.replica;
    this.#shards = keys.spread ? keys.entryShards : [];
    options.replica.onDoubt((shard) => {
      // What is in the way shows in the turn, too.
      void this.look(shard).catch(() => {});
    });
  }

  /** Looks at the shard whose turn it is; rejects if that can't be done. */
  async lookAtNext(): Promise<void> {
    const shard = this.#shards[this.#next];
    if (shard === undefined) return;
    this.#next = (this.#next + 1) % this.#shards.length;
    await this.look(shard);
  }

  /** Looks at a shard: begins a new epoch if it has changed, and has it compared if it may lack something. */
  look(shard: string): Promise<void> {
    if (!this.#shards.includes(shard)) return Promise.resolve();
    const running = this.#looking.get(shard);
    if (running !== undefined) return running;
    const look = this.#look(shard).finally(() => this.#looking.delete(shard));
    this.#looking.set(shard, look);
    return look;
  }

  async #look(shard: string): Promise<void> {
    const { replica, known, keeper, onLacking } = this.#options;
    const tail = known.tailOf(shard);
    const { state, where } = await replica.look(shard, tail);
    const why = state.kind === "changed" ? state.why : this.#lossIn(state, shard, where);
    if (why !== undefined) {
      const now = await keeper.begin(shard, state.found, why);
      replica.believe(shard, now);
      onLacking(shard);
      return;
    }
    keeper.note(shard, state);
    if (state.epoch === undefined || !known.isSettled(shard, state.epoch) || where === "trimmed") {
      if (where === "trimmed") known.doubt(shard);
      onLacking(shard);
    }
  }

  #lossIn(state: ShardState, shard: string, where: string | undefined): string | undefined {
    const { known, keeper } = this.#options;
    if (keeper.hasLeft(shard, state.epoch)) return wentBack;
    if (where !== "gone" || state.epoch === undefined) return undefined;
    return known.isSettled(shard, state.epoch) && isIn(state.epoch, state) ? wentBack : undefined;
  }
}
