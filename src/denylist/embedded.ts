import type { Clock } from "../platform/clock.ts";
import { type Denylist, type Entry, hasCutoff, type UnknownOutcome } from "./denylist.ts";
import { type Journal, type JournalOptions, openJournal } from "./journal/journal.ts";
import { RevocationTable } from "./memory/revocation-table.ts";

/** Where the journal is, and who is told of its disk. */
export interface EmbeddedDenylistOptions
  extends Pick<JournalOptions, "dataDir" | "outbox" | "onIgnored" | "onSync" | "onDisk"> {
  readonly clock: Clock;
  /** Told that the journal could not be made smaller; it is tried again. */
  readonly onCompactionFailure?: (error: Error) => void;
  /** What becomes of requests that were under way when the process died. */
  readonly onUnknownOutcome: UnknownOutcome;
}

/** The embedded store: complete without any server. `journal` is there for whoever builds on it. */
export interface EmbeddedDenylist extends Denylist {
  readonly journal: Journal;
  /** Takes over entries that Redis has: in force at once, in the journal soon. Those known already are skipped. */
  learn(entries: readonly Entry[]): void;
}

const housekeepingEveryMs = 1000;
const retryCompactionAfterMs = 60_000;
const entriesPerSweep = 16_384;
const fewestRecordsToCompact = 10_000;

/** Opens the denylist of one sidecar: the table answers, the journal remembers. */
export async function openEmbeddedDenylist(
  options: EmbeddedDenylistOptions,
): Promise<EmbeddedDenylist> {
  const { clock } = options;
  const table = new RevocationTable(clock);
  const journal = await openJournal({
    ...options,
    onEntry: (entry) => void table.add(entry),
    acknowledged: table,
  });

  const housekeeping = startHousekeeping(table, journal, options);

  async function revoke(entries: readonly Entry[], settles?: number): Promise<void> {
    const now = clock.nowSeconds();
    const live = entries.filter((entry) => entry.expiresAt > now);
    // In force here before it is durable: refusing early harms nobody, forgetting would.
    for (const entry of live) table.add(entry);
    // Even what is in the table already waits for the disk: it may be there because of a revocation
    // that is still on its way.
    if (live.length > 0 || settles !== undefined) await journal.append(live, settles);
  }

  if (options.onUnknownOutcome === "revoke") await recover(journal, clock, revoke);
  else for (const { id } of journal.unsettled) journal.settle(id);

  return {
    journal,
    lookUp: (token) => (table.has(token) ? "revoked" : "live"),
    ask: async (token) => (table.has(token) ? "revoked" : "live"),
    revoke: (entries) => revoke(entries),
    async intend(entries) {
      const { id, durable } = journal.intend(entries);
      // A disk that fails stops nobody from logging out; the revocation will be pending.
      await durable.catch(() => {});
      return {
        revoke: (revoked = entries) => revoke(revoked, id),
        drop: () => journal.settle(id),
      };
    },
    learn(entries) {
      const now = clock.nowSeconds();
      const news = entries.filter((entry) => entry.expiresAt > now && table.add(entry));
      if (news.length > 0) journal.keep(news);
    },
    onRevoked: (listener) => table.onAdded(listener),
    entries: () => journal.entries(),
    get size() {
      return table.size;
    },
    health() {
      const { failure } = journal;
      const reason = failure && `the journal cannot be written: ${failure.message}`;
      return { ready: failure === undefined, reason };
    },
    async close() {
      clearInterval(housekeeping);
      await journal.close();
    },
  };
}

/** Revokes what a crash left unfinished. */
async function recover(
  { unsettled }: Journal,
  clock: Clock,
  revoke: (entries: readonly Entry[], settles: number) => Promise<void>,
): Promise<void> {
  for (const { id, entries } of unsettled) {
    // A disk that fails keeps nobody from starting: they are in force, and written as soon as it works.
    await revoke(cutOffNow(entries, clock), id).catch(() => {});
  }
}

/**
 * What was intended may have happened at any time since: cut-offs are those of now.
 *
 * The deadline moves with the cut-off: tokens that were issued up to now live that much longer.
 */
function cutOffNow(entries: readonly Entry[], clock: Clock): Entry[] {
  const now = Math.floor(clock.nowSeconds());
  return entries.map((entry) => {
    if (!hasCutoff(entry.kind)) return entry;
    const { cutoff: intended = now, expiresAt } = entry;
    const cutoff = Math.max(intended, now);
    return { ...entry, cutoff, expiresAt: expiresAt + cutoff - intended };
  });
}

/** Sweeps the table in small steps, and compacts the journal when most of it is dead. */
function startHousekeeping(
  table: RevocationTable,
  journal: Journal,
  { onCompactionFailure }: EmbeddedDenylistOptions,
): NodeJS.Timeout {
  let compactAgainAtMs = 0;
  const timer = setInterval(() => {
    table.sweep(entriesPerSweep);
    const mostlyDead = journal.records > 2 * table.size;
    if (!mostlyDead || journal.records < fewestRecordsToCompact) return;
    if (performance.now() < compactAgainAtMs) return;
    journal.compact().catch((error: Error) => {
      compactAgainAtMs = performance.now() + retryCompactionAfterMs;
      onCompactionFailure?.(error);
    });
  }, housekeepingEveryMs);
  return timer.unref();
}
