import type { EpochSeconds } from "../platform/clock.ts";
import type { TimelineCounts } from "./timeline.ts";

/** The sidecars that share the store in Redis, as far as this one knows. */
export interface Fleet {
  /** How old the proof that memory has everything may be before a request waits for Redis; 0: not known yet. */
  readonly stalenessLimitSeconds: number;
  /** This one, and those that it has heard of within the last minute. */
  readonly sidecars: readonly FleetSidecar[];
}

/** One of them. */
export interface FleetSidecar {
  readonly isSelf: boolean;
  /** How long ago its last sign of life was; Infinity if there was none yet. */
  readonly silentSeconds: number;
}

/** What the status page shows beyond metrics. All of it are counts: it names no token, user or host. */
export interface Overview {
  readonly startedAt: EpochSeconds;
  /** Undefined without Redis. */
  readonly fleet: Fleet | undefined;
  /** Minute by minute, from the start on, for an hour at most. */
  readonly timeline: TimelineCounts;
}
