import { describeFleet, type Fleet } from "../admin/overview.ts";
import type { Config } from "../config/load.ts";
import { type RedisFiles, type RedisSettings, redisAccess } from "../config/redis.ts";
import type { Denylist } from "../denylist/denylist.ts";
import type { EmbeddedDenylist } from "../denylist/embedded.ts";
import type { OnIgnored } from "../denylist/ignored.ts";
import type { Outbox } from "../denylist/journal/outbox.ts";
import { FleetLives } from "../denylist/redis/fleet-lives.ts";
import { RedisReplica, type RedisReplicaOptions } from "../denylist/redis/replica.ts";
import type { Epoch } from "../denylist/redis/store-state.ts";
import { SharedDenylist } from "../denylist/shared.ts";
import type { AnchoredClock } from "../platform/anchored-clock.ts";
import { systemStopwatch } from "../platform/clock.ts";
import { isSameData } from "../platform/same-data.ts";
import { agreeOnNames } from "./agreed-names.ts";
import type { KeptReadings } from "./claim-readings.ts";
import type { KeptMainIssuer } from "./main-issuer.ts";
import { createRedisReports, reportCutoffsAhead } from "./redis-reports.ts";
import { rememberedSeconds } from "./remembered.ts";
import type { StoreContext } from "./store-context.ts";

/** The longest staleness that the schema allows: by that somebody may go of whom nothing is known. */
const maxStalenessMs = 2000;
/** A loss is noticed by anyone who follows within a few readings. */
const noticeMs = 1000;
/** A busy event loop must not cost more by the name than by the feed. */
const shortestNameTrustMs = 3000;
/** With the default of 5 s and the longest staleness of 2 s, nothing is to spare. */
const nameTrustOfGrace = 0.6;

/** The denylist that several sidecars share; it takes over the embedded one, which it closes with itself. */
export function shareThroughRedis(redis: RedisSettings, parts: SharedParts): Shared {
  const { context, embedded, outbox, clock } = parts;
  const { metrics, logger } = context;
  const { onConnection, onTrouble } = createRedisReports(context);
  const onRefused = (reason?: string) => onTrouble("proof", reason);
  const replica = connectReplica(redis, parts, { onConnection, onRefused });
  const lives = agreeOnLives(replica, parts);
  const shared = new SharedDenylist({
    ...{ local: embedded, outbox, replica, lives },
    clock: clock.retention,
    now: context.stopwatch ?? systemStopwatch,
    reads: redis.reads,
    whenUnavailable: redis.whenUnavailable,
    allowEviction: redis.allowEviction,
    holdTimeoutMs: 2 * redis.grace + redis.commandTimeout,
    graceMs: redis.grace,
    maxStalenessMs,
    noticeMs,
    // Shorter than the grace period by more than any staleness: docs/decisions/0031.
    nameTrustMs: Math.max(nameTrustOfGrace * redis.grace, shortestNameTrustMs),
    isWatched: parts.isWatched,
    onPending: (count) => metrics.outboxPending.set(count),
    onReferenceTime: (time) => clock.refer(time),
    onTrouble,
    onLoss: (shard, why) => logger.warn({ shard, why }, "redis has lost data, or may have"),
    onBeginning: (shard, why) =>
      logger.info(
        { shard, why },
        "the denylist in redis has been created: redis was empty or not in use",
      ),
    // Each of two may differ from redis by so much.
    apartSeconds: () => 2 * clock.toleranceSeconds,
    onCutoffAhead: reportCutoffsAhead(context),
    onEpoch: reportEpoch(context, redis),
  });
  return {
    denylist: agreeOnNames(shared, { ...redis, ...parts, replica, lives, logger }),
    stalenessSeconds: () => shared.stalenessSeconds,
    fleet: () => describeFleet(shared),
    remember: (seconds) => lives.configure(seconds),
    adopt: secretsAdopter(shared, redis, parts),
    reload() {
      lives.missed();
      shared.reload();
    },
  };
}

/** Has passwords, certificates and keys tried and used that are others than before. */
function secretsAdopter(
  shared: SharedDenylist,
  redis: RedisSettings,
  { config, context: { logger } }: SharedParts,
): Shared["adopt"] {
  let known = config.files.redis;
  return (next) => {
    if (isSameData(known, next)) return;
    known = next;
    logger.info(
      "the secrets for redis have changed; they will be used as soon as redis accepts them",
    );
    void shared.adopt(redisAccess(redis, next)).then((taken) => {
      if (taken) logger.info("redis has accepted the changed secrets");
    });
  };
}

function connectReplica(
  redis: RedisSettings,
  { config, onIgnored, clock }: SharedParts,
  reports: Pick<RedisReplicaOptions, "onConnection" | "onRefused">,
): RedisReplica {
  return new RedisReplica({
    ...redisAccess(redis, config.files.redis),
    keyPrefix: redis.keyPrefix,
    stalenessMs: redis.staleness,
    graceMs: redis.grace,
    waitReplicas: redis.waitReplicas,
    allowEviction: redis.allowEviction,
    feedLines: redis.feedLines,
    connectTimeoutMs: redis.connectTimeout,
    commandTimeoutMs: redis.commandTimeout,
    clock: clock.retention,
    ...reports,
    onIgnored,
  });
}

/** What all sidecars remember for how long; a change is told, and all tokens are checked by it anew. */
function agreeOnLives(
  replica: RedisReplica,
  { config, context, embedded, outbox, clock, onIgnored, onOtherChecks }: SharedParts,
): FleetLives {
  const ownSeconds = rememberedSeconds(config);
  return new FleetLives({
    ...{ local: embedded, outbox, replica, clock, onIgnored },
    ownSeconds,
    onChange(changes) {
      const isShorter = changes.some(({ seconds }) => seconds < ownSeconds);
      context.logger[isShorter ? "warn" : "info"](
        { changes },
        isShorter
          ? "the sidecars of this store kept revocations for less time than tokens may live here: tokens of that time are refused once it is over"
          : "the sidecars of this store keep revocations for this long",
      );
      onOtherChecks();
    },
  });
}

/** Counts epochs, and says if the store has another staleness than the configuration. */
function reportEpoch({ metrics, logger }: StoreContext, { staleness }: RedisSettings) {
  return ({ stalenessMs }: Epoch) => {
    metrics.redisEpochs.inc();
    if (stalenessMs === staleness) return;
    const [used, configured] = [`${stalenessMs}ms`, `${staleness}ms`];
    logger.warn(
      { used, configured },
      "staleness in redis differs from the configuration; the value in redis is used",
    );
  };
}

/** What several sidecars share, as long as they name things alike. */
export interface Shared {
  readonly denylist: Denylist;
  readonly stalenessSeconds: () => number;
  readonly fleet: () => Fleet;
  /** For how long the configuration says that revocations are remembered, from now on. */
  readonly remember: (seconds: number) => void;
  /** Uses other passwords, certificates and keys. */
  readonly adopt: (files: RedisFiles) => void;
  /** Has everything loaded from Redis once more. */
  readonly reload: () => void;
}

/** Takes over an embedded denylist, and shares it. */
export type ShareThroughRedis = typeof shareThroughRedis;

/** What it is made of. */
export interface SharedParts {
  /** The forms in which this sidecar makes names. */
  readonly forms: readonly string[];
  readonly mainIssuer: KeptMainIssuer;
  readonly readings: KeptReadings;
  readonly config: Config;
  readonly context: StoreContext;
  readonly embedded: EmbeddedDenylist;
  readonly outbox: Outbox;
  readonly onIgnored: OnIgnored;
  readonly clock: AnchoredClock;
  readonly onOtherChecks: () => void;
  /** Whether a connection would end if a revocation were heard of. */
  readonly isWatched: () => boolean;
}
