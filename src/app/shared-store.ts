import type { Config } from "../config/load.ts";
import { type RedisSettings, redisAccess } from "../config/redis.ts";
import { lifetimesOf } from "../config/routes.ts";
import type { Denylist } from "../denylist/denylist.ts";
import type { EmbeddedDenylist } from "../denylist/embedded.ts";
import type { OnIgnored } from "../denylist/ignored.ts";
import type { Outbox } from "../denylist/journal/outbox.ts";
import { FleetLives } from "../denylist/redis/fleet-lives.ts";
import { RedisReplica } from "../denylist/redis/replica.ts";
import type { Epoch } from "../denylist/redis/store-state.ts";
import type { OnTrouble } from "../denylist/redis/troubles.ts";
import { forGood } from "../denylist/retention.ts";
import { SharedDenylist } from "../denylist/shared.ts";
import type { TroubleSource } from "../observability/redis-troubles.ts";
import { describe } from "../observability/request-log.ts";
import type { AnchoredClock } from "../platform/anchored-clock.ts";
import { systemStopwatch } from "../platform/clock.ts";
import { agreeOnNames } from "./agreed-names.ts";
import type { StoreContext } from "./store-context.ts";

/** For how long a revocation that does not name a single token is remembered. */
export function rememberedSeconds({ settings }: Config): number {
  const { maxLifetimeSeconds, undated } = lifetimesOf(settings);
  return undated ? forGood : maxLifetimeSeconds;
}

/** The longest staleness that the schema allows: by that somebody may go of whom nothing is known. */
const longestStalenessMs = 2000;
/** A loss is noticed by whoever follows within a few readings. */
const noticeMs = 1000;
/** A busy event loop must not cost more by the name than by the feed. */
const shortestNameTrustMs = 3000;
/** With the default of 5 s and the longest staleness of 2 s, nothing is to spare. */
const nameTrustOfGrace = 0.6;

/** The denylist that several sidecars share; it takes over the embedded one, which it closes with itself. */
export function shareThroughRedis(redis: RedisSettings, parts: SharedParts): Shared {
  const { context, embedded, outbox, forms, clock } = parts;
  const { metrics, logger } = context;
  const replica = connectReplica(redis, parts);
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
    longestStalenessMs,
    noticeMs,
    // Shorter than the grace period by more than any staleness: docs/decisions/0031.
    nameTrustMs: Math.max(nameTrustOfGrace * redis.grace, shortestNameTrustMs),
    onPending: (count) => metrics.outboxPending.set(count),
    onReferenceTime: (time) => clock.refer(time),
    onTrouble: reportTrouble(context),
    onLoss: (shard, why) => logger.warn({ shard, why }, "redis has lost data, or may have"),
    onEpoch: reportEpoch(context, redis),
  });
  return {
    denylist: agreeOnNames(shared, { ...redis, replica, forms, lives, logger }),
    stalenessSeconds: () => shared.stalenessSeconds,
    remember: (seconds) => lives.configure(seconds),
    reload() {
      lives.missed();
      shared.reload();
    },
  };
}

function connectReplica(
  redis: RedisSettings,
  { config, context, onIgnored, clock }: SharedParts,
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
    onConnection: reportConnection(context),
    onIgnored,
  });
}

/** What all sidecars remember for how long; a change is told, and all tokens are checked by it anew. */
function agreeOnLives(
  replica: RedisReplica,
  { config, context, embedded, outbox, clock, onIgnored, onShorterLives }: SharedParts,
): FleetLives {
  return new FleetLives({
    ...{ local: embedded, outbox, replica, clock, onIgnored },
    ownSeconds: rememberedSeconds(config),
    onChange(changes) {
      context.logger.info(
        { changes },
        "the sidecars of this store remember revocations for so long",
      );
      onShorterLives();
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
      "the store in redis has another staleness than the configuration; the store's is used",
    );
  };
}

/** What several sidecars share, as long as they name things alike. */
export interface Shared {
  readonly denylist: Denylist;
  readonly stalenessSeconds: () => number;
  /** For how long the configuration says that revocations are remembered, from now on. */
  readonly remember: (seconds: number) => void;
  /** Has everything loaded from Redis once more. */
  readonly reload: () => void;
}

/** What it is made of. */
export interface SharedParts {
  /** The forms in which this sidecar makes names. */
  readonly forms: readonly string[];
  readonly config: Config;
  readonly context: StoreContext;
  readonly embedded: EmbeddedDenylist;
  readonly outbox: Outbox;
  readonly onIgnored: OnIgnored;
  readonly clock: AnchoredClock;
  readonly onShorterLives: () => void;
}

/** What each source of trouble means to an operator. */
const troubleMeanings = {
  follow: "the denylist in redis cannot be relied on",
  name: "redis cannot be found by its address",
  load: "the denylist in redis cannot be loaded",
  ask: "redis cannot be asked",
  send: "revocations cannot be sent to redis",
  restore: "what redis lacks cannot be written back",
} as const satisfies Record<TroubleSource, string>;

/** Logs what keeps the store from being relied on, once each, and shows it as a metric. */
function reportTrouble({ metrics, logger }: StoreContext): OnTrouble {
  return (source, reason) => {
    metrics.redisTrouble[source].set(reason === undefined ? 0 : 1);
    if (reason === undefined) logger.info({ source }, `no more: ${troubleMeanings[source]}`);
    else logger.warn({ source, reason }, troubleMeanings[source]);
  };
}

/** Counts connections, and logs when they come and go. */
function reportConnection({ metrics, logger }: StoreContext) {
  let wasUp: boolean | undefined;
  return (up: boolean, error: Error | undefined) => {
    metrics.redisUp.set(up ? 1 : 0);
    // Every failed attempt to connect ends here too; the change is the news.
    if (up !== wasUp) {
      if (up) logger.info("connected to redis");
      else logger.error({ cause: describe(error ?? "closed") }, "redis is not connected");
    }
    wasUp = up;
  };
}
