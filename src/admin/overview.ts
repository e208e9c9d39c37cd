import type { FleetMember } from "../denylist/redis/roster.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import type { TimelineCounts } from "./timeline.ts";

/** The sidecars that share the store in Redis, as far as this one knows. */
export interface Fleet {
  /** How old the proof that memory has everything may be before a request waits for Redis; 0: not known yet. */
  readonly stalenessLimitSeconds: number;
  /** How many it has heard of that have not left, itself included. */
  readonly known: number;
  /** This one, then those that have been silent for the longest time; 20 at most. */
  readonly sidecars: readonly FleetSidecar[];
}

/** How many sidecars are listed one by one: a fleet may have thousands. */
const maxListed = 20;

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

/** A fleet as the overview has it. */
export function describeFleet({
  fleet,
  stalenessLimitSeconds,
}: {
  readonly fleet: readonly FleetMember[];
  readonly stalenessLimitSeconds: number;
}): Fleet {
  const listed = [...fleet].sort(
    (one, other) => Number(other.isSelf) - Number(one.isSelf) || other.silentMs - one.silentMs,
  );
  return {
    ...{ stalenessLimitSeconds, known: fleet.length },
    sidecars: listed.slice(0, maxListed).map(({ isSelf, silentMs }) => ({
      isSelf,
      silentSeconds: silentMs / 1000,
    })),
  };
}
