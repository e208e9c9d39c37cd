import type { Clock, EpochSeconds } from "../platform/clock.ts";
import type { Denylist, DenylistHealth, Entry, UnknownOutcome } from "./denylist.ts";
import { startHousekeeping } from "./housekeeping.ts";
import type { Journal, JournalOptions } from "./journal/journal.ts";
import { openJournal } from "./journal/open-journal.ts";
import { RevocationTable } from "./memory/revocation-table.ts";
import { recover } from "./recovery.ts";
import { type RememberedLife, RememberedLives } from "./retention.ts";
import { TableLoader } from "./table-loader.ts";

const fromRedis = { shared: true };

/** Where the journal is, and who is told of its disk. */
export interface EmbeddedDenylistOptions
  extends Pick<
    JournalOptions,
    "dataDir" | "outbox" | "onIgnored" | "onLoss" | "onSync" | "onDisk"
  > {
  /** What time it is: cut-offs go by it. */
  readonly clock: Clock;
  /** By this, what is over is forgotten; `clock` if it is left out. */
  readonly retention?: Clock;
  /** Told that the journal could not be made smaller; it is tried again. */
  readonly onCompactionFailure?: (error: Error) => void;
  /** What becomes of requests that were in progress when the process died. */
  readonly onUnknownOutcome: UnknownOutcome;
}

/** The embedded store: complete without any server. `journal` is there for what builds on it. */
export interface EmbeddedDenylist extends Denylist {
  readonly journal: Journal;
  /**
   * Notes for how long, in seconds, revocations of a session, a subject or a `jti` are remembered from now
   * on, before any that is made from now on.
   */
  remember(seconds: number): Promise<void>;
  /** Since when they have been remembered for how long; `adoptLives` follows what the fleet agreed on. */
  readonly lives: Pick<RememberedLives, "list" | "longest" | "latestExpiry">;
  /** Records changes that are not known here; resolves to whether there were any. */
  adoptLives(lives: readonly RememberedLife[]): Promise<boolean>;
  /** Up to which deadline revocations were forgotten as over. */
  readonly forgottenUntil: EpochSeconds;
  /** Loads the table from the journal once more, because the clock has jumped. Never rejects. */
  reload(): Promise<void>;
  /** Takes over entries that Redis has: in force at once, in the journal soon. Those known already are skipped. */
  learn(entries: readonly Entry[]): void;
}

/** Opens the denylist of one sidecar: the table answers, the journal remembers. */
export async function openEmbeddedDenylist(
  options: EmbeddedDenylistOptions,
): Promise<EmbeddedDenylist> {
  const { clock, retention = clock } = options;
  const { table, journal, lives } = await loadTable(options, retention);
  const loader = new TableLoader(journal, table);
  const housekeeping = startHousekeeping({ table, journal, loader, ...options });

  async function revoke(entries: readonly Entry[], settles?: number): Promise<void> {
    const { live, late } = sortByTime(entries, retention);
    // In force here before it is durable: refusing early does no harm, forgetting would.
    for (const entry of live) table.add(entry);
    for (const entry of late) table.cameLate(entry);
    // Even what is in the table already waits for the disk: it may be there because of a revocation
    // that is still on its way.
    if (entries.length > 0 || settles !== undefined) {
      await journal.append(live, { settles, late });
    }
  }

  await recover(journal, { ...options, revoke });

  return {
    journal,
    lookUp: (token) => loader.lookUp(token),
    ask: (token) => loader.ask(token),
    ...sessionsIn(table, loader),
    reload: () => loader.load(),
    ...livesIn(journal, lives, clock),
    revoke: (entries) => revoke(entries),
    async intend(entries) {
      const { id, durable } = journal.intend(entries);
      // A disk that fails stops no user from logging out; the revocation will be pending.
      await durable.catch(() => {});
      const drop = () => journal.settle(id);
      return { revoke: (revoked = entries) => revoke(revoked, id), drop };
    },
    learn(entries) {
      const { live, late } = sortByTime(entries, retention);
      const news = live.filter((entry) => table.add(entry, fromRedis));
      for (const entry of late) table.cameLate(entry);
      if (news.length + late.length > 0) journal.keep(news, late);
    },
    onRevoked: (listener) => table.onAdded(listener),
    async *entries() {
      for await (const some of journal.entries()) yield* some;
    },
    get size() {
      return table.size;
    },
    get forgottenUntil() {
      return table.forgottenUntil;
    },
    health: () => healthOf(troubleOf(journal, loader)),
    async close() {
      clearInterval(housekeeping);
      await journal.close();
    },
  };
}

/** The table with everything that the journal has. */
async function loadTable(options: EmbeddedDenylistOptions, retention: Clock) {
  const table = new RevocationTable(retention);
  const lives = new RememberedLives();
  const journal = await openJournal({
    ...options,
    clock: retention,
    onEntry: (entry) => void table.add(entry),
    onLeftOut: (deadline) => table.leftOut(deadline),
    acknowledged: table,
    lives,
  });
  return { table, journal, lives };
}

/** To which sessions tokens were linked, and whose these are. */
function sessionsIn(
  table: RevocationTable,
  loader: TableLoader,
): Pick<Denylist, "knownSession" | "sessionOf" | "knownBeginning" | "sessionsOf"> {
  return {
    knownBeginning: (session) => table.beginningOf(session),
    async sessionsOf(subjects) {
      await loader.settled();
      return table.sessionsOf(subjects);
    },
    knownSession: (token) => table.sessionOf(token),
    async sessionOf(token) {
      await loader.settled();
      return table.sessionOf(token);
    },
  };
}

/** How long revocations are remembered, and the records of it. */
function livesIn(
  journal: Journal,
  lives: RememberedLives,
  clock: Clock,
): Pick<EmbeddedDenylist, "lives" | "remember" | "adoptLives"> {
  return {
    lives,
    async remember(seconds) {
      const life = lives.change(seconds, clock.nowSeconds());
      if (life !== undefined) await journal.remember(life);
    },
    async adoptLives(some) {
      const news = lives.adopt(some, clock.nowSeconds());
      await Promise.all(news.map((life) => journal.remember(life)));
      return news.length > 0;
    },
  };
}

/** Which entries last on, and which came when they were over. */
function sortByTime(entries: readonly Entry[], clock: Clock) {
  const now = clock.nowSeconds();
  return {
    live: entries.filter(({ expiresAt }) => expiresAt > now),
    late: entries.filter(({ expiresAt }) => expiresAt <= now),
  };
}

function healthOf(reason: string | undefined): DenylistHealth {
  return { ready: reason === undefined, reason };
}

/** Why the journal cannot be relied on. */
function troubleOf({ failure, damage }: Journal, loader: TableLoader): string | undefined {
  if (failure !== undefined) return `the journal cannot be written: ${failure.message}`;
  if (damage !== undefined) {
    return `the journal has lost revocations (${damage}); they are in force until this process ends`;
  }
  return loader.failure && `the journal cannot be read: ${loader.failure.message}`;
}
