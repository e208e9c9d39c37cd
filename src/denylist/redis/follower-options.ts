import type { ReferenceTime } from "../../platform/anchored-clock.ts";
import type { Clock, Stopwatch } from "../../platform/clock.ts";
import type { Entry } from "../denylist.ts";
import type { EpochKeeper } from "./epoch-keeper.ts";
import type { KnownShards } from "./known-shards.ts";
import type { RedisReplica } from "./replica.ts";
import type { Roster } from "./roster.ts";
import type { Epoch } from "./store-state.ts";
import type { Troubles } from "./troubles.ts";

/** What is followed, and who is told. */
export interface FeedFollowerOptions {
  readonly replica: RedisReplica;
  readonly known: KnownShards;
  readonly keeper: EpochKeeper;
  readonly roster: Roster;
  readonly troubles: Troubles;
  /** By this, things are forgotten. */
  readonly clock: Clock;
  readonly now: Stopwatch;
  /** Takes over entries that the store has. */
  readonly onEntries: (entries: readonly Entry[]) => void;
  /** Told of every new epoch of the feed's shard, the first one seen included. */
  readonly onEpoch: (epoch: Epoch) => void;
  /** Told of shards that may lack something of what this sidecar knows. */
  readonly onLacking: (shards: readonly string[]) => void;
  /** Told what time it is at Redis; undefined while that is unknown. */
  readonly onReferenceTime?: ((time: ReferenceTime | undefined) => void) | undefined;
  readonly allowEviction: boolean;
  /** Whether a complete table is enough to answer by. */
  readonly reads: "local" | "every-request";
  /** As PaceOptions.isWatched. */
  readonly isWatched: () => boolean;
  /** How long a loss may go unnoticed by the sidecars that could tell, in milliseconds. */
  readonly noticeMs: number;
  /** How old a look at where the address of Redis leads may be for its word to count, in milliseconds. */
  readonly nameTrustMs: number;
}
