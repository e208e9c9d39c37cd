import type { Registry } from "prom-client";
import {
  type CauseGauge,
  createCauseGauge,
  createTroubleGauge,
  type TroubleGauge,
} from "../redis-troubles.ts";
import { type Makers, syncBuckets } from "./makers.ts";

/** Where something was found that is not believed: the denylist's own words. */
const ignoredSources = ["journal", "feed", "entry", "epoch", "lifetimes", "sidecars"] as const;

/** What shows that a clock may be wrong: the gateway's own words. */
const clockHintSources = ["iat", "date"] as const;

/** What is counted of the denylist: its disk, its clocks, and Redis. */
export interface DenylistMetrics {
  readonly journalSyncSeconds: { observe(seconds: number): void };
  readonly journalFailing: { set(value: number): void };
  readonly journalLosses: { inc(): void };
  readonly clockTrusted: { set(value: number): void };
  readonly clockSteps: { inc(): void };
  /** Signs that a clock is wrong that this machine cannot check, by what showed them. */
  readonly clockHints: Readonly<Record<(typeof clockHintSources)[number], { inc(): void }>>;
  readonly outboxPending: { set(value: number): void };
  readonly redisUp: { set(value: number): void };
  readonly redisEpochs: { inc(): void };
  /** What Redis or the journal handed over and no revgate can have written, by where it was. */
  readonly cutoffsAhead: { inc(): void };
  readonly ignored: Readonly<Record<(typeof ignoredSources)[number], { inc(): void }>>;
  readonly redisTrouble: TroubleGauge;
  readonly redisCauses: CauseGauge;
}

/** Makes what is counted of the denylist. */
export function createDenylistMetrics(registry: Registry, make: Makers): DenylistMetrics {
  return {
    ...createLocalMetrics(make),
    outboxPending: make.gauge(
      "revgate_outbox_pending",
      "Revocations recorded here that Redis has not acknowledged.",
    ),
    redisUp: make.gauge(
      "revgate_redis_up",
      "1 if the connection to Redis is usable; 0 also without Redis.",
    ),
    redisTrouble: createTroubleGauge(registry),
    redisCauses: createCauseGauge(registry),
    redisEpochs: make.counter(
      "revgate_redis_epochs_total",
      "Epochs of the store in Redis seen so far: the first, and one for each loss of data or change of server.",
    ),
    cutoffsAhead: make.counter(
      "revgate_cutoffs_ahead_total",
      "Cut-offs in the future that Redis handed over, each time it did: they refuse a subject's new tokens until then. No sidecar with a right clock makes one.",
    ),
    ignored: make.counters(
      {
        name: "revgate_ignored_total",
        help: "Data that was ignored because revgate did not write it, by where it was: lines of the journal, lines of the feed, values of an entry, an epoch, lifetimes or sidecars in Redis. Another program writes there.",
      },
      "source",
      ignoredSources,
    ),
  };
}

/** What is counted of this machine's disk and clocks. */
function createLocalMetrics(
  make: Makers,
): Pick<
  DenylistMetrics,
  | "journalSyncSeconds"
  | "journalFailing"
  | "journalLosses"
  | "clockTrusted"
  | "clockSteps"
  | "clockHints"
> {
  return {
    journalSyncSeconds: make.histogram(
      "revgate_journal_sync_duration_seconds",
      "Writing and syncing one group of journal records.",
      syncBuckets,
    ),
    journalFailing: make.gauge("revgate_journal_failing", "1 if the journal cannot be written."),
    journalLosses: make.counter(
      "revgate_journal_losses_total",
      "How often another process removed or changed the journal's file, and revgate rewrote it.",
    ),
    clockTrusted: make.gauge(
      "revgate_clock_trusted",
      "1 if the clocks agree, 0 if the time is in doubt. In doubt, /readyz is 503 and gives the reason, no cut-off is made, and tokens that have expired by only one of the clocks get 503.",
    ),
    clockSteps: make.counter(
      "revgate_clock_steps_total",
      "Jumps of the wall clock by more than the tolerance, in either direction; a suspended machine counts as one.",
    ),
    clockHints: make.counters(
      {
        name: "revgate_clock_hints_total",
        help: "Signs that the clock of this machine, an issuer or the application is wrong, by source: iat (a token issued in the future), date (the Date of a response differs). revgate samples one token a second and one response every five seconds.",
      },
      "source",
      clockHintSources,
    ),
  };
}
