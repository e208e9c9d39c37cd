import type { Fleet } from "../admin/overview.ts";
import { dataDirOf } from "../config/data-dir.ts";
import type { Config } from "../config/load.ts";
import { namingOf } from "../config/name-keys.ts";
import type { ControlHandler } from "../control/command-server.ts";
import { type DataDirHold, holdDataDir } from "../control/control-socket.ts";
import type { ClaimReadings } from "../denylist/claim-readings.ts";
import type { Denylist } from "../denylist/denylist.ts";
import { type EmbeddedDenylist, openEmbeddedDenylist } from "../denylist/embedded.ts";
import { withFormerNames } from "../denylist/former-names.ts";
import type { OnIgnored } from "../denylist/ignored.ts";
import { noteNameForms } from "../denylist/journal/name-forms-file.ts";
import { Outbox } from "../denylist/journal/outbox.ts";
import type { ClockHints } from "../gateway/clock-hints.ts";
import { describe } from "../observability/request-log.ts";
import type { AnchoredClock } from "../platform/anchored-clock.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import { createNames } from "../token/names.ts";
import { keepReadings } from "./claim-readings.ts";
import { keepDirectory } from "./directory.ts";
import { keepMainIssuer } from "./main-issuer.ts";
import { rememberedSeconds } from "./remembered.ts";
import type { Shared, SharedParts, ShareThroughRedis } from "./shared-store.ts";
import type { StoreContext } from "./store-context.ts";
import { createTelling } from "./telling.ts";
import { openClockHints, openTime } from "./time.ts";

/** How a store's names are made of tokens' claims. */
export interface StoreNaming {
  /** Whether an issuer's claims have the names without an issuer. */
  readonly isMainIssuer: (issuer: string) => boolean;
  /** By which claims its revocations go. */
  readonly readings: () => ClaimReadings;
}

/** The denylist as configured, and the hold on its data directory. */
export interface Store {
  readonly denylist: Denylist;
  /** What time it is, for everybody. */
  readonly clock: AnchoredClock;
  /** What hints at a clock that is wrong and never jumped. */
  readonly clockHints: ClockHints;
  /** The latest `exp` with which a token that was issued then can be accepted. */
  readonly latestExpiry: (issuedAt: EpochSeconds | undefined) => EpochSeconds;
  /** How its names are made of claims. */
  readonly naming: StoreNaming;
  /** Throws ConfigError if the store can't go by that configuration. */
  check(config: Config): void;
  /** Calls back when tokens may live shorter, or are named otherwise: what was verified before counts no more. */
  onOtherChecks(listener: () => void): void;
  /** Says how many connections would end if a revocation were heard of; without it, revocations are always awaited. */
  watchFor(connections: () => number): void;
  /** Goes by another configuration from now on. */
  configure(config: Config): void;
  /** Why another process may use the data directory too; undefined if it is. */
  readonly trouble: string | undefined;
  readonly journalBytes: () => number;
  /** Seconds since the table was last proved to have all that Redis has; 0 without Redis. */
  readonly redisStaleness: () => number;
  /** The sidecars that share the store; undefined without Redis. */
  readonly fleet: () => Fleet | undefined;
  /** Answers the commands that come through the control socket; those that came before have waited. */
  serveCommands(commands: ControlHandler): void;
  close(): Promise<void>;
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
  const { told, ...telling } = createTelling();
  const { mainIssuer, readings, forms } = await openNaming(config, context, { ...told, clock });
  const onIgnored = reportIgnored(context);
  const embedded = await openEmbeddedDenylist({
    ...{ dataDir: dataDirOf(config), clock, retention: clock.retention, outbox },
    onUnknownOutcome: config.settings.denylist.onUnknownOutcome,
    ...{ onIgnored, ...directory.reports },
  });
  reportCrash(config, context, embedded);
  // With Redis, all sidecars of the store agree on it.
  if (redis === undefined) await embedded.remember(rememberedSeconds(config));
  const parts = { config, context, embedded, onIgnored, clock, ...told };
  const naming = { mainIssuer, readings, forms };
  const shared = redis && outbox && (await loadSharing())(redis, { ...parts, ...naming, outbox });
  reloadAtJumps(clock, embedded, shared);

  return {
    denylist: withFormerNames(shared?.denylist ?? embedded),
    ...{ clock, clockHints: openClockHints(clock, context), serveCommands: hold.serve },
    latestExpiry: (issuedAt) => embedded.lives.latestExpiry(issuedAt),
    ...telling,
    naming: { isMainIssuer: mainIssuer.is, readings: readings.current },
    check: mainIssuer.check,
    configure(next) {
      mainIssuer.configure(next);
      readings.configure(next);
      clock.tolerate(next.settings.tokens.clockTolerance / 1000);
      void (shared ?? embedded).remember(rememberedSeconds(next));
      shared?.adopt(next.files.redis);
    },
    journalBytes: () => embedded.journal.size,
    ...readingsOf(shared),
    get trouble() {
      return directory.trouble;
    },
    async close() {
      clock.close();
      await (shared?.denylist ?? embedded).close();
      await hold.release();
    },
  };
}

/** How the directory's names are made, noted in it; to be called before the journal is opened. */
async function openNaming(
  config: Config,
  { logger }: StoreContext,
  { onOtherChecks: onChange, clock }: Pick<SharedParts, "onOtherChecks" | "clock">,
): Promise<Pick<SharedParts, "forms" | "mainIssuer" | "readings">> {
  const { forms } = createNames(namingOf(config));
  await noteNameForms(dataDirOf(config), forms, (error) =>
    logger.warn({ cause: describe(error) }, "the form of names could not be recorded"),
  );
  return {
    forms,
    mainIssuer: await keepMainIssuer(config, { logger, onChange }),
    readings: await keepReadings(config, { logger, clock, onChange }),
  };
}

/** What can be said of the others, if there may be some. */
function readingsOf(shared: Shared | undefined): Pick<Store, "redisStaleness" | "fleet"> {
  return {
    redisStaleness: () => shared?.stalenessSeconds() ?? 0,
    fleet: () => shared?.fleet(),
  };
}

/** Loaded only if it is used: the client of Redis is a quarter of what a start takes. */
async function loadSharing(): Promise<ShareThroughRedis> {
  return (await import("./shared-store.ts")).shareThroughRedis;
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

/** Says what became of what was in progress when the process before this one died. */
function reportCrash(
  { settings }: Config,
  { metrics, logger }: StoreContext,
  { journal }: EmbeddedDenylist,
): void {
  if (journal.tornRecords > 0) {
    logger.warn("dropped the last record of the journal: it was incomplete, because of a crash");
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
    "revoking requests were in progress at a crash; their outcome is unknown",
  );
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
      "ignored data that revgate did not write; the next ones are only counted, in revgate_ignored_total",
    );
  };
}
