import { resolve } from "node:path";
import type { Config } from "../config/load.ts";
import { namingOf } from "../config/name-keys.ts";
import { type RedisSettings, redisAccess } from "../config/redis.ts";
import { lifetimesOf } from "../config/routes.ts";
import type { ControlHandler } from "../control/command-server.ts";
import { type DataDirHold, holdDataDir } from "../control/control-socket.ts";
import type { Denylist } from "../denylist/denylist.ts";
import { type EmbeddedDenylist, openEmbeddedDenylist } from "../denylist/embedded.ts";
import { withFormerNames } from "../denylist/former-names.ts";
import type { OnIgnored } from "../denylist/ignored.ts";
import { noteNameForms } from "../denylist/journal/name-forms-file.ts";
import { Outbox } from "../denylist/journal/outbox.ts";
import { RedisReplica } from "../denylist/redis/replica.ts";
import type { Epoch } from "../denylist/redis/store-state.ts";
import type { OnTrouble } from "../denylist/redis/troubles.ts";
import { forGood } from "../denylist/retention.ts";
import { SharedDenylist } from "../denylist/shared.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { TroubleSource } from "../observability/redis-troubles.ts";
import { describe } from "../observability/request-log.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import type { AnchoredClock } from "../platform/anchored-clock.ts";
import { type Stopwatch, systemStopwatch } from "../platform/clock.ts";
import { createNames } from "../token/names.ts";
import { agreeOnNames } from "./agreed-names.ts";
import { keepDirectory } from "./directory.ts";
import { openTime } from "./time.ts";

/** The denylist as configured, and the hold on its data directory. */
export interface Store {
  readonly denylist: Denylist;
  /** What time it is, for everybody. */
  readonly clock: AnchoredClock;
  /** The latest `exp` with which a token that was issued then can be accepted. */
  readonly latestExpiry: EmbeddedDenylist["latestExpiry"];
  /** Goes by another configuration from now on. */
  configure(config: Config): void;
  /** Why the data directory is not this process's alone any more; undefined if it is. */
  readonly trouble: string | undefined;
  readonly journalBytes: () => number;
  /** Seconds since the table was last proved to have all that Redis has; 0 without Redis. */
  readonly redisStaleness: () => number;
  /** Answers the commands that come through the control socket; those that came before have waited. */
  serveCommands(commands: ControlHandler): void;
  close(): Promise<void>;
}

/** Who counts and who logs for the store. */
export interface StoreContext {
  readonly metrics: Metrics<string>["store"];
  readonly logger: Logger;
  /** The two clocks of the machine; tests bring their own. */
  readonly stopwatch?: Stopwatch | undefined;
  /** Told of errors that nobody caught; without it they end the command that met them. */
  readonly onUncaught?: ReportUncaught;
}

/** The directory that the configuration gives to this sidecar alone. */
export function dataDirOf(config: Config): string {
  return resolve(config.directory, config.settings.denylist.dataDir);
}

/**
 * Takes hold of the data directory and opens the denylist in it.
 *
 * Rejects with DataDirInUseError or JournalDamagedError; a Redis that is away is not waited for.
 */
export async function openStore(config: Config, context: StoreContext): Promise<Store> {
  const hold = await holdDataDir(dataDirOf(config), context.onUncaught);
  try {
    return await openHeldStore(config, context, hold);
  } catch (error) {
    await hold.release();
    throw error;
  }
}

async function openHeldStore(
  config: Config,
  context: StoreContext,
  hold: DataDirHold,
): Promise<Store> {
  const clock = openTime(config, context);
  const directory = keepDirectory(hold, context);
  const { redis } = config.settings.denylist;
  const outbox = redis && new Outbox();
  const { forms } = createNames(namingOf(config));
  await noteNameForms(dataDirOf(config), forms, (error) =>
    context.logger.warn({ cause: describe(error) }, "the forms of names could not be noted"),
  );
  const onIgnored = reportIgnored(context);
  const embedded = await openEmbeddedDenylist({
    dataDir: dataDirOf(config),
    clock,
    retention: clock.retention,
    outbox,
    onUnknownOutcome: config.settings.denylist.onUnknownOutcome,
    onIgnored,
    ...directory.reports,
  });
  reportCrash(config, context, embedded);
  await embedded.remember(rememberedSeconds(config));
  const parts = { config, context, embedded, onIgnored, forms, clock };
  const shared = redis && outbox && shareThroughRedis(redis, { ...parts, outbox });
  reloadAtJumps(clock, embedded, shared);

  return {
    denylist: withFormerNames(shared?.denylist ?? embedded),
    clock,
    latestExpiry: embedded.latestExpiry,
    configure(next) {
      clock.tolerate(next.settings.tokens.clockTolerance / 1000);
      void embedded.remember(rememberedSeconds(next));
    },
    journalBytes: () => embedded.journal.size,
    redisStaleness: () => shared?.stalenessSeconds() ?? 0,
    get trouble() {
      return directory.trouble;
    },
    serveCommands: hold.serve,
    async close() {
      clock.close();
      await (shared?.denylist ?? embedded).close();
      await hold.release();
    },
  };
}

/** Has everything loaded once more when the wall clock jumps: it may have kept something out. */
function reloadAtJumps(
  clock: AnchoredClock,
  embedded: EmbeddedDenylist,
  shared: Shared | undefined,
): void {
  clock.onChange(({ kind }) => {
    if (kind !== "stepped") return;
    shared?.reload();
    void embedded.reload();
  });
}

/** For how long a revocation that does not name a single token is remembered. */
function rememberedSeconds({ settings }: Config): number {
  const { maxLifetimeSeconds, undated } = lifetimesOf(settings);
  return undated ? forGood : maxLifetimeSeconds;
}

/** Says what became of what was under way when the process before this one died. */
function reportCrash(
  { settings }: Config,
  { metrics, logger }: StoreContext,
  { journal }: EmbeddedDenylist,
): void {
  if (journal.tornRecords > 0) {
    logger.warn("dropped a record at the end of the journal that was being written at a crash");
  }
  const count = journal.unsettled.length;
  if (count === 0) return;
  const { onUnknownOutcome } = settings.denylist;
  if (onUnknownOutcome === "revoke") {
    metrics.countRevoked(
      "recovery",
      journal.unsettled.flatMap(({ entries }) => entries),
    );
  }
  logger.warn(
    { count, onUnknownOutcome },
    "revoking requests were under way at a crash, and their outcome is unknown",
  );
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
function shareThroughRedis(
  redis: RedisSettings,
  { config, context, embedded, outbox, onIgnored, forms, clock }: SharedParts,
): Shared {
  const { metrics, logger } = context;
  const replica = new RedisReplica({
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
  const shared = new SharedDenylist({
    local: embedded,
    outbox,
    replica,
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
    denylist: agreeOnNames(shared, { ...redis, replica, forms, logger }),
    stalenessSeconds: () => shared.stalenessSeconds,
    reload: () => shared.reload(),
  };
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
interface Shared {
  readonly denylist: Denylist;
  readonly stalenessSeconds: () => number;
  /** Has everything loaded from Redis once more. */
  readonly reload: () => void;
}

interface SharedParts {
  /** The forms in which this sidecar makes names. */
  readonly forms: readonly string[];
  readonly config: Config;
  readonly context: StoreContext;
  readonly embedded: EmbeddedDenylist;
  readonly outbox: Outbox;
  readonly onIgnored: OnIgnored;
  readonly clock: AnchoredClock;
}

/** Counts what is not believed, and logs each cause once: a flood of it must not flood the log. */
function reportIgnored({ metrics, logger }: StoreContext): OnIgnored {
  const logged = new Set<string>();
  return ({ source, cause, excerpt }) => {
    metrics.ignored[source].inc();
    if (logged.has(`${source} ${cause}`)) return;
    logged.add(`${source} ${cause}`);
    logger.warn(
      { source, reason: cause, found: excerpt },
      "ignored what no revgate can have written; further ones are counted in revgate_ignored_total",
    );
  };
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
