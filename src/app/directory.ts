import type { DataDirHold } from "../control/control-socket.ts";
import type { EmbeddedDenylistOptions } from "../denylist/embedded.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import { describe } from "../observability/request-log.ts";

/** Who counts and who logs for the data directory. */
export interface DirectoryContext {
  readonly metrics: Metrics<string>["store"];
  readonly logger: Logger;
}

/** The data directory while a process lives on it. */
export interface KeptDirectory {
  /** What the denylist tells of its disk. */
  readonly reports: Required<
    Pick<EmbeddedDenylistOptions, "onSync" | "onDisk" | "onLoss" | "onCompactionFailure">
  >;
  /** Why the directory is not this process's alone any more; undefined if it is. */
  readonly trouble: string | undefined;
}

/** Counts and logs what the disk does, and takes hold of the directory again if somebody took it away. */
export function keepDirectory(
  hold: Pick<DataDirHold, "renew">,
  { metrics, logger }: DirectoryContext,
): KeptDirectory {
  let trouble: string | undefined;
  async function renew(): Promise<void> {
    try {
      await hold.renew();
      trouble = undefined;
    } catch (error) {
      trouble = String(describe(error));
      logger.error({ cause: trouble }, "another process may use the data directory too");
    }
  }
  return {
    get trouble() {
      return trouble;
    },
    reports: {
      onCompactionFailure: (error) =>
        logger.warn({ cause: describe(error) }, "the journal could not be compacted"),
      onSync: (seconds) => metrics.journalSyncSeconds.observe(seconds),
      onDisk(error) {
        metrics.journalFailing.set(error === undefined ? 0 : 1);
        if (error === undefined) logger.info("the journal can be written again");
        else logger.error({ cause: describe(error) }, "the journal cannot be written");
      },
      onLoss({ reason, whole }) {
        metrics.journalLosses.inc();
        const lost = whole
          ? "nothing is lost"
          : "revocations are in force in memory but not on disk";
        logger.error(
          { reason, lost },
          "the journal's file was changed by another process and has been rewritten",
        );
        // A process that took the journal may have taken the lock as well.
        void renew();
      },
    },
  };
}
