import { setImmediate as nextTurn } from "node:timers/promises";
import type { Journal } from "./journal/journal.ts";
import type { RevocationTable } from "./memory/revocation-table.ts";
import type { TableLoader } from "./table-loader.ts";

/** What is looked after. */
export interface HousekeepingOptions {
  readonly table: RevocationTable;
  readonly journal: Journal;
  readonly loader: TableLoader;
  /** Told that the journal could not be made smaller; it is tried again. */
  readonly onCompactionFailure?: (error: Error) => void;
}

const everyMs = 1000;
const retryCompactionAfterMs = 60_000;
const entriesPerSweep = 16_384;
/** Of each kind. So that requests wait for some tenths of a millisecond. */
const entriesPerStep = 512;
const minRecordsToCompact = 10_000;

/**
 * Sweeps the table in small steps, looks whether the journal's file is still there, and compacts it when
 * most of it is dead.
 */
export function startHousekeeping({
  table,
  journal,
  loader,
  onCompactionFailure,
}: HousekeepingOptions): NodeJS.Timeout {
  let compactAgainAtMs = 0;
  let isSweeping = false;
  const sweep = () => {
    if (isSweeping) return;
    isSweeping = true;
    void sweepInSteps(table).finally(() => {
      isSweeping = false;
    });
  };
  const timer = setInterval(() => {
    sweep();
    if (loader.failure !== undefined) void loader.load();
    void journal.check();
    const mostlyDead = journal.records > 2 * table.size;
    if (!mostlyDead || journal.records < minRecordsToCompact) return;
    if (performance.now() < compactAgainAtMs) return;
    journal.compact().catch((error: Error) => {
      compactAgainAtMs = performance.now() + retryCompactionAfterMs;
      onCompactionFailure?.(error);
    });
  }, everyMs);
  return timer.unref();
}

/** Sweeps a part of the table, each step in a turn of the event loop of its own. */
export async function sweepInSteps(table: Pick<RevocationTable, "sweep">): Promise<void> {
  for (let left = entriesPerSweep; left > 0; left -= entriesPerStep) {
    table.sweep(entriesPerStep);
    await nextTurn();
  }
}
