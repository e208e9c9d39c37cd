import type { ReferenceTime } from "../platform/anchored-clock.ts";
import type { Clock, Stopwatch } from "../platform/clock.ts";
import type { OnCutoffAhead } from "./cutoffs-ahead.ts";
import type { EmbeddedDenylist } from "./embedded.ts";
import type { Outbox } from "./journal/outbox.ts";
import type { FleetLives } from "./redis/fleet-lives.ts";
import type { RedisReplica } from "./redis/replica.ts";
import type { SnapshotKeeperOptions } from "./redis/snapshot-keeper.ts";
import type { Epoch } from "./redis/store-state.ts";
import type { OnTrouble } from "./redis/troubles.ts";

/** The parts of a shared denylist, and what holds while one is away. */
export interface SharedDenylistOptions {
  /** What this sidecar knows by itself: its table answers, its journal remembers. */
  readonly local: EmbeddedDenylist;
  /** What of that Redis has not acknowledged. */
  readonly outbox: Outbox;
  readonly replica: RedisReplica;
  readonly clock: Clock;
  readonly now: Stopwatch;
  /** For how long all sidecars remember; without it, each goes by its own configuration. */
  readonly lives?: Pick<FleetLives, "unread" | "lengthen" | "restore" | "close"> | undefined;
  /** Whether the table alone may clear a token while it is fresh, or Redis is asked each time. */
  readonly reads: "local" | "every-request";
  /** What a request gets while Redis does not answer: a refusal, or the table's word. */
  readonly whenUnavailable: "deny" | "serve-known";
  /** Trusts a Redis that may evict keys. */
  readonly allowEviction: boolean;
  /** How long a revocation may wait for a store that has lost data, in milliseconds, before it is pending. */
  readonly holdTimeoutMs: number;
  /** Told how many revocations Redis has not acknowledged. */
  readonly onPending?: (count: number) => void;
  /** How long sidecars have at most to write back what they know to a store that lost data, in milliseconds. */
  readonly graceMs: number;
  /** The longest staleness by which a sidecar of this store may go, in milliseconds. */
  readonly maxStalenessMs: number;
  /** Whether a connection would end if a revocation were heard of; no by default. */
  readonly isWatched?: () => boolean;
  /** How long a loss may go unnoticed by the sidecars that could tell, in milliseconds. */
  readonly noticeMs: number;
  /** How old a look at where the address of Redis leads may be for its word to count, in milliseconds. */
  readonly nameTrustMs: number;
  /** When snapshots for newcomers are written; as usual by default. */
  readonly snapshots?: Pick<SnapshotKeeperOptions, "everyMs" | "minEntries" | "minLines">;
  /** Told, once each, what keeps the store from being relied on (and undefined when that does no more). */
  readonly onTrouble?: OnTrouble;
  /** By how much the clocks of two sidecars may differ, in seconds. */
  readonly apartSeconds?: () => number;
  /** Told of cut-offs in the future that Redis hands over. */
  readonly onCutoffAhead?: OnCutoffAhead;
  /** Told of every loss in Redis that this sidecar was the first to see. */
  readonly onLoss?: (shard: string, why: string) => void;
  /** Told of every store, new or unused for minutes, that this sidecar was the first to find. */
  readonly onBeginning?: (shard: string, why: string) => void;
  /** Told what time it is at Redis with every reading; undefined while that is unknown. */
  readonly onReferenceTime?: (time: ReferenceTime | undefined) => void;
  /** Told of every new epoch: the first, and each that began because the store had lost something. */
  readonly onEpoch?: (epoch: Epoch) => void;
}
