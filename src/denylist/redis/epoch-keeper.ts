import type { RedisReplica } from "./replica.ts";
import type { Roster } from "./roster.ts";
import { type Epoch, looksUnused, type ShardState, stalenessOf } from "./store-state.ts";

/** What a new epoch is given. */
export interface EpochKeeperOptions {
  readonly replica: RedisReplica;
  readonly roster: Roster;
  /** How long the sidecars have at most to write back what they know, in milliseconds. */
  readonly graceMs: number;
  /** The longest staleness by which a sidecar may still go if the epoch before is unknown, in milliseconds. */
  readonly maxStalenessMs: number;
  /** Whether this sidecar knows revocations that Redis once had. */
  readonly hasShared: () => boolean;
  /** Told of every loss that this sidecar was the first to see. */
  readonly onLoss?: ((shard: string, why: string) => void) | undefined;
  /** Told of every new epoch that this sidecar begins although, as far as it can know, nothing was lost. */
  readonly onBeginning?: ((shard: string, why: string) => void) | undefined;
}

/** Of so many epochs a shard is known to have left them. */
const maxFormer = 100;

/** Begins new epochs of shards that are not what they were. */
export class EpochKeeper {
  readonly #options: EpochKeeperOptions;
  readonly #known = new Map<string, Epoch>();
  readonly #former = new Map<string, readonly string[]>();

  constructor(options: EpochKeeperOptions) {
    this.#options = options;
  }

  /** Remembers in which epoch a shard is, and which ones it has left. */
  note(shard: string, { epoch }: ShardState): void {
    if (epoch === undefined) return;
    const before = this.#known.get(shard)?.id;
    this.#known.set(shard, epoch);
    if (before === undefined || before === epoch.id) return;
    this.#former.set(shard, [...(this.#former.get(shard) ?? []), before].slice(-maxFormer));
  }

  /** Whether a shard has left that epoch. No sidecar begins one twice: a store in which it is found again has older data. */
  hasLeft(shard: string, epoch: Epoch | undefined): boolean {
    return epoch !== undefined && this.#former.get(shard)?.includes(epoch.id) === true;
  }

  /**
   * Begins a new epoch, unless somebody else just did.
   *
   * Its grace period covers the longest staleness by which anybody may still go: until then a table may be
   * trusted that knows nothing of the new epoch. It ends sooner only if all sidecars confirm that they do.
   */
  async begin(shard: string, found: string, why: string): Promise<ShardState> {
    const { replica, roster, graceMs, maxStalenessMs, onLoss, onBeginning } = this.#options;
    const seen = [this.#known.get(shard)?.stalenessMs, stalenessOf(found)].filter(
      (ms) => ms !== undefined,
    );
    const stalenessMs = seen.length === 0 ? maxStalenessMs : Math.max(...seen);
    if (this.#isLoss(shard, why)) onLoss?.(shard, why);
    else onBeginning?.(shard, why);
    return replica.epochs.establish(shard, found, {
      graceMs: Math.max(graceMs, 2 * stalenessMs),
      awaited: roster.awaited(performance.now()),
    });
  }

  /** A store that is new, or was not used for minutes, has lost nothing that a sidecar which starts could know. */
  #isLoss(shard: string, why: string): boolean {
    if (this.#known.has(shard)) return true;
    if (why === looksUnused.empty) return this.#options.hasShared();
    return why !== looksUnused.idle;
  }
}
