import { resolve } from "node:path";
import type { Config } from "./config/load.ts";
import type { Denylist } from "./denylist/denylist.ts";
import { type EmbeddedDenylist, openEmbeddedDenylist } from "./denylist/embedded-denylist.ts";
import { RedisReplica } from "./denylist/redis-replica.ts";
import { SharedDenylist } from "./denylist/shared-denylist.ts";
import type { Logger } from "./observability/logger.ts";
import type { Metrics } from "./observability/metrics.ts";
import { describe } from "./observability/request-log.ts";
import { type Clock, systemClock } from "./platform/clock.ts";
import { type DataDirHold, holdDataDir } from "./server/control-socket.ts";
import { createStoreCommands } from "./server/store-commands.ts";
import { createVerifier, type Verifier } from "./token/verifier.ts";

/** The denylist as configured, with what is needed to work on it. */
export interface Store {
  readonly denylist: Denylist;
  readonly verifier: Verifier;
  readonly journalBytes: () => number;
  /** Answers commands, in this process and through the control socket. */
  readonly commands: ReturnType<typeof createStoreCommands>;
  close(): Promise<void>;
}

/** Who counts and who logs for the store. */
export interface StoreContext {
  readonly metrics: Metrics<string>["store"];
  readonly logger: Logger;
  readonly clock?: Clock;
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
  const hold = await holdDataDir(dataDirOf(config));
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
  const { metrics, logger, clock = systemClock } = context;
  const embedded = await openEmbeddedDenylist({
    dataDir: dataDirOf(config),
    clock,
    onUnknownOutcome: config.settings.denylist.onUnknownOutcome,
    onCompactionFailure: (error) =>
      logger.warn({ cause: describe(error) }, "the journal could not be compacted"),
    onSync: (seconds) => metrics.journalSyncSeconds.observe(seconds),
    onDisk(error) {
      metrics.journalFailing.set(error === undefined ? 0 : 1);
      if (error === undefined) logger.info("the journal is written again");
      else logger.error({ cause: describe(error) }, "the journal cannot be written");
    },
  });
  if (embedded.journal.tornRecords > 0) {
    logger.warn("dropped a record at the end of the journal that was being written at a crash");
  }
  reportUnsettled(config, context, embedded);
  const denylist = shareThroughRedis(config, context, embedded);
  const verifier = openVerifier(config, context);
  const commands = createStoreCommands({
    denylist,
    verifier,
    clockToleranceSeconds: config.settings.tokens.clockTolerance / 1000,
    onRevoked: (trigger, count) => metrics.revocations[trigger].inc(count),
  });
  hold.serve(commands);

  return {
    denylist,
    verifier,
    commands,
    journalBytes: () => embedded.journal.size,
    async close() {
      await denylist.close();
      await hold.release();
    },
  };
}

function openVerifier(
  { settings, files }: Config,
  { metrics, clock = systemClock }: StoreContext,
): Verifier {
  const { tokens, limits } = settings;
  return createVerifier({
    keys: files.keys,
    issuer: tokens.issuer,
    audience: tokens.audience,
    clockToleranceSeconds: tokens.clockTolerance / 1000,
    maxLifetimeSeconds: tokens.maxLifetime / 1000,
    tokenBytes: limits.tokenBytes,
    cacheEntries: tokens.cacheEntries,
    clock,
    onCacheLookup: (hit) => metrics.cacheLookups[hit ? "hit" : "miss"].inc(),
  });
}

/** Says what became of requests that were under way when the process before this one died. */
function reportUnsettled(
  { settings }: Config,
  { metrics, logger }: StoreContext,
  { journal }: EmbeddedDenylist,
): void {
  const count = journal.unsettled.length;
  if (count === 0) return;
  const { onUnknownOutcome } = settings.denylist;
  if (onUnknownOutcome === "revoke") metrics.revocations.recovery.inc(count);
  logger.warn(
    { count, onUnknownOutcome },
    "revoking requests were under way at a crash, and their outcome is unknown",
  );
}

function shareThroughRedis(
  { settings, files }: Config,
  { metrics, logger, clock = systemClock }: StoreContext,
  embedded: EmbeddedDenylist,
): Denylist {
  const { redis } = settings.denylist;
  if (redis === undefined) return embedded;
  let wasUp: boolean | undefined;
  const replica = new RedisReplica({
    url: redis.url,
    password: files.redisPassword,
    ca: files.redisCa,
    keyPrefix: redis.keyPrefix,
    connectTimeoutMs: redis.connectTimeout,
    commandTimeoutMs: redis.commandTimeout,
    clock,
    onConnection(up, error) {
      metrics.redisUp.set(up ? 1 : 0);
      // Every failed attempt to connect ends here too; the change is the news.
      if (up !== wasUp) {
        if (up) logger.info("connected to redis");
        else logger.error({ cause: describe(error ?? "closed") }, "redis is not connected");
      }
      wasUp = up;
    },
  });
  return new SharedDenylist({
    local: embedded,
    replica,
    whenUnavailable: redis.whenUnavailable,
    clock,
    onPending: (count) => metrics.outboxPending.set(count),
  });
}
