import type { Clock, EpochSeconds } from "../../platform/clock.ts";
import type { Entry, EntryName } from "../denylist.ts";
import type { OnIgnored } from "../ignored.ts";
import type { RememberedLife, RememberedLives } from "../retention.ts";
import type { Loss } from "./open-file.ts";
import type { Outbox } from "./outbox.ts";
import type { JournalRecord } from "./record.ts";

/** Where the journal is, and who is told what. */
export interface JournalOptions {
  /** The directory that belongs to this sidecar alone; made where it is missing. */
  readonly dataDir: string;
  readonly clock: Clock;
  /** Called for every live entry found at start. */
  readonly onEntry: (entry: Entry) => void;
  /** What Redis has yet to acknowledge: every entry that is appended is in it, from then on. */
  readonly outbox?: Outbox | undefined;
  /** What Redis has acknowledged; without it, nothing is known to be there. */
  readonly acknowledged?: Acknowledged | undefined;
  /** Follows for how long revocations are remembered. */
  readonly lives?: RememberedLives | undefined;
  /** Told of lines that were written whole and are no records, and of records that are not written. */
  readonly onIgnored?: OnIgnored | undefined;
  /** Told of the deadline of each entry found at start that is over. */
  readonly onLeftOut?: ((deadline: EpochSeconds) => void) | undefined;
  /** Told that somebody took the file away or changed it, and that it has been made again. */
  readonly onLoss?: (loss: Loss) => void;
  /** Told how long each write and sync took, in seconds. */
  readonly onSync?: (seconds: number) => void;
  /** Told when the disk failed (with the error) and when it works again (undefined). */
  readonly onDisk?: (error: Error | undefined) => void;
}

/** What Redis has acknowledged, in writing: told by an answer of Redis or by a record, never inferred. */
export interface Acknowledged {
  markShared(entry: Entry): void;
  isShared(name: EntryName): boolean;
}

/** What is written together with entries. */
export interface Appended {
  /** The number of the intent that they settle. */
  readonly settles?: number | undefined;
  /** Entries that were over when they came, and are left out. */
  readonly late?: readonly Entry[];
}

/** The file that makes revocations durable. One writer a directory. */
export interface Journal {
  /**
   * Appends entries; resolves when they survive a power cut.
   *
   * Calls that come while the disk is busy share one write and one sync. Rejects with
   * RevocationPendingError when the disk fails; the entries are kept and written as soon as it works.
   * An entry that could not be read again is not written: that rejects, too.
   */
  append(entries: readonly Entry[], more?: Appended): Promise<void>;
  /** Keeps entries that Redis has, as the table knows already, and notes those that came `late`. The caller does not wait. */
  keep(entries: readonly Entry[], late?: readonly Entry[]): void;
  /** Notes that Redis has an entry, with the next write: at worst it is sent once more. */
  acknowledge(entry: Entry): void;
  /** Notes, with the next write, the epoch in which Redis has everything kept or acknowledged so far. */
  note(record: JournalRecord & { verb: "known" }): void;
  /**
   * Notes, before whatever is appended from now on, for how long revocations are remembered. Resolves when
   * that is on disk, or the disk has failed; it never rejects.
   */
  remember(life: RememberedLife): Promise<void>;
  /**
   * Notes that a request which would revoke these is about to be forwarded.
   *
   * Returns the intent's number at once; `durable` resolves and rejects as an append does.
   */
  intend(entries: readonly Entry[]): { readonly id: number; readonly durable: Promise<void> };
  /** Notes that nothing came of an intent. The caller does not wait: at worst it is taken for unknown. */
  settle(id: number): void;
  /** Intents found at start whose outcome was never recorded. */
  readonly unsettled: readonly { readonly id: number; readonly entries: readonly Entry[] }[];
  /** Reads everything once more, for `onEntry` and `onLeftOut`. */
  load(): Promise<void>;
  /** Looks whether the file is the one that is open here, and makes it again if not. Never rejects. */
  check(): Promise<void>;
  /**
   * Every live entry that is on disk or waits for it, some at a time; one that was revoked twice may come twice.
   *
   * `from`: where in the file to begin, from 0 to 1; what stands before comes behind the end.
   */
  entries(from?: number): AsyncIterable<readonly Entry[]>;
  /**
   * Writes a file without what has expired and puts it in the place of the running one.
   *
   * Appends go on meanwhile; only the last step, which is as short as an append, is in their way.
   * Rejects if there is no room for the new file; the running one is as good as before.
   */
  compact(): Promise<void>;
  /** Bytes known to be on disk. */
  readonly size: number;
  /** Records in the file, live or expired. */
  readonly records: number;
  /** Torn last lines dropped at start: 0 or 1. */
  readonly tornRecords: number;
  /** Why nothing can be made durable at present. */
  readonly failure: Error | undefined;
  /** What of the file was lost under this process for good; what it said is in force until the process ends. */
  readonly damage: string | undefined;
  close(): Promise<void>;
}
