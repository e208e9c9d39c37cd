import { type FileHandle, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { RevocationPendingError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import {
  ensureDirectory,
  openForAppending,
  syncDirectory,
  writeWhole,
} from "../../platform/durable-file.ts";
import type { Entry, EntryName } from "../denylist.ts";
import { ignored, type OnIgnored } from "../ignored.ts";
import { Intents } from "./intents.ts";
import type { Outbox } from "./outbox.ts";
import { type JournalContents, readJournal, readRecords } from "./reader.ts";
import {
  formatRecord,
  isLive,
  isSound,
  type JournalRecord,
  journalTitle,
  type ReadRecord,
} from "./record.ts";
import { copyLive, type Replacement } from "./replacement.ts";

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
  /** Told of lines that were written whole and are no records, and of records that are not written. */
  readonly onIgnored?: OnIgnored | undefined;
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

/** The file that makes revocations durable. One writer a directory. */
export interface Journal {
  /**
   * Appends entries; resolves when they survive a power cut.
   *
   * Calls that come while the disk is busy share one write and one sync. Rejects with
   * RevocationPendingError when the disk fails; the entries are kept and written as soon as it works.
   * An entry that could not be read again is not written: that rejects, too.
   * With `settles`, the intent of that number is settled in the same write.
   */
  append(entries: readonly Entry[], settles?: number): Promise<void>;
  /** Keeps entries that Redis has. Nobody waits for it. */
  keep(entries: readonly Entry[]): void;
  /** Notes that Redis has an entry, with the next write: at worst it is sent once more. */
  acknowledge(entry: Entry): void;
  /** Notes, with the next write, the epoch in which Redis has everything kept or acknowledged so far. */
  note(record: JournalRecord & { verb: "known" }): void;
  /**
   * Notes that a request which would revoke these is about to be forwarded.
   *
   * Returns the intent's number at once; `durable` resolves and rejects as an append does.
   */
  intend(entries: readonly Entry[]): { readonly id: number; readonly durable: Promise<void> };
  /** Notes that nothing came of an intent. Nobody waits for it: at worst it is taken for unknown. */
  settle(id: number): void;
  /** Intents found at start whose outcome was never recorded. */
  readonly unsettled: readonly { readonly id: number; readonly entries: readonly Entry[] }[];
  /** Every live entry that is on disk or waits for it; one that was revoked twice may come twice. */
  entries(): AsyncIterable<Entry>;
  /**
   * Writes a file without what has expired and puts it in the place of the running one.
   *
   * Appends go on meanwhile; only the last step, which is as short as an append, is in their way.
   * Rejects where there is no room for the new file; the running one is as good as before.
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
  close(): Promise<void>;
}

/**
 * Opens the journal of a data directory.
 *
 * A torn last line (the process died while writing it) is dropped: nobody was promised it. A line
 * before it that is not a record stops the start with JournalDamagedError, which names the line.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { dataDir, clock, onEntry } = options;
  const path = join(dataDir, "journal");
  await ensureDirectory(dataDir);
  await rm(`${path}.compacted`, { force: true });
  await rm(`${path}.rescued`, { force: true });

  const intents = new Intents();
  const found = await readJournal(path, (record) => {
    if (record.verb === "ignored") {
      options.onIgnored?.(ignored("journal", "a line that is no record", record.text));
      return;
    }
    intents.replay(record);
    if (isLive(record, clock.nowSeconds())) onEntry(record.entry);
    replayAcknowledgement(record, options);
    options.outbox?.replay(record);
  });
  options.outbox?.dropExpired(clock.nowSeconds());
  const file = await openForAppending(path);
  await file.truncate(found.wholeBytes);
  if (found.wholeBytes === 0) await writeWhole(file, journalTitle);
  await file.datasync();
  await syncDirectory(dataDir);
  return new JournalFile(path, file, { found, intents, options });
}

/** Redis has what was shared, and what it acknowledged: the entry that was pending then. */
function replayAcknowledgement(
  record: JournalRecord,
  { outbox, acknowledged }: JournalOptions,
): void {
  if (record.verb === "shared") acknowledged?.markShared(record.entry);
  const entry = record.verb === "acked" ? outbox?.get(record.name) : undefined;
  if (entry !== undefined) acknowledged?.markShared(entry);
}

/** Intents are written anew from what is known of them; what is ignored ends here. */
function isCopied(
  record: ReadRecord,
): record is Exclude<ReadRecord, { verb: "intent" | "settled" | "ignored" }> {
  return record.verb !== "intent" && record.verb !== "settled" && record.verb !== "ignored";
}

const retryAfterMs = 1000;
const mostNotes = 1000;

interface Waiter {
  readonly records: readonly JournalRecord[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

class JournalFile implements Journal {
  readonly tornRecords: number;
  readonly unsettled: Journal["unsettled"];
  readonly #path: string;
  readonly #options: JournalOptions;
  readonly #intents: Intents;
  #file: FileHandle;
  /** Bytes known to be on disk; what stands behind them is never trusted after a failure. */
  #size: number;
  #records: number;
  #waiting: Waiter[] = [];
  /** Records that nobody waits for. */
  #notes: JournalRecord[] = [];
  /** Records on their way to the disk; those that were refused go first as soon as it works. */
  #unsynced: readonly JournalRecord[] = [];
  #failure: Error | undefined;
  /** After a failed sync: the file may have lost what was not synced, and say nothing of it. */
  #distrusted = false;
  #compacted: Replacement | undefined;
  #compacting: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    path: string,
    file: FileHandle,
    {
      found,
      intents,
      options,
    }: { found: JournalContents; intents: Intents; options: JournalOptions },
  ) {
    this.#path = path;
    this.#file = file;
    this.#intents = intents;
    this.unsettled = intents.list();
    this.#size = found.wholeBytes === 0 ? journalTitle.length : found.wholeBytes;
    this.#records = found.records;
    this.#options = options;
    this.tornRecords = found.torn ? 1 : 0;
  }

  get size(): number {
    return this.#size;
  }

  get records(): number {
    return this.#records;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  append(entries: readonly Entry[], settles?: number): Promise<void> {
    // Here, so that there is no way for an entry to be on disk and never be sent.
    for (const entry of entries) this.#options.outbox?.ensure(entry);
    const records = entries.map((entry): JournalRecord => ({ verb: "revoked", entry }));
    if (settles !== undefined) {
      records.push({ verb: "settled", id: settles });
      this.#intents.settle(settles);
    }
    return this.#enqueue(records);
  }

  intend(entries: readonly Entry[]): { id: number; durable: Promise<void> } {
    const { id, records } = this.#intents.open(entries);
    return { id, durable: this.#enqueue(records) };
  }

  settle(id: number): void {
    this.#intents.settle(id);
    // Where the disk fails, the record is kept like every other.
    this.#enqueue([{ verb: "settled", id }]).catch(() => {});
  }

  keep(entries: readonly Entry[]): void {
    for (const entry of entries) this.#options.acknowledged?.markShared(entry);
    const records = entries.map((entry): JournalRecord => ({ verb: "shared", entry }));
    // Where the disk fails, they are kept like every other record.
    this.#enqueue(records.filter((record) => this.#isWritable(record))).catch(() => {});
  }

  acknowledge(entry: Entry): void {
    this.#options.acknowledged?.markShared(entry);
    this.note({ verb: "acked", name: { kind: entry.kind, value: entry.value } });
  }

  note(record: JournalRecord): void {
    if (!this.#isWritable(record)) return;
    this.#options.outbox?.replay(record);
    this.#notes.push(record);
    if (this.#notes.length >= mostNotes) void this.#write();
  }

  /** The last check before the disk: a line that cannot be read again would end every later start. */
  #isWritable(record: JournalRecord): boolean {
    if (isSound(record)) return true;
    const text = JSON.stringify(record);
    this.#options.onIgnored?.(ignored("journal", "a record that could not be read again", text));
    return false;
  }

  #enqueue(records: readonly JournalRecord[]): Promise<void> {
    if (!records.every((record) => this.#isWritable(record))) {
      return Promise.reject(
        new RevocationPendingError("not recorded: no revocation has such a name or time"),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      void this.#write();
    });
  }

  async *entries(): AsyncGenerator<Entry> {
    const now = this.#options.clock.nowSeconds();
    // Looked at before the file: what reaches it meanwhile comes twice rather than not at all.
    const onTheirWay = [...this.#unsynced, ...this.#waiting.flatMap(({ records }) => records)];
    const all = readRecords(this.#path, journalTitle.length, Number.POSITIVE_INFINITY);
    for await (const some of all) {
      for (const { record } of some) if (isLive(record, now)) yield record.entry;
    }
    for (const record of onTheirWay) if (isLive(record, now)) yield record.entry;
  }

  compact(): Promise<void> {
    this.#compacting ??= this.#compact().finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  async #compact(): Promise<void> {
    this.#compacted = await this.#copyLive(`${this.#path}.compacted`);
    await this.#write();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#compacting?.catch(() => {});
    await this.#write();
    if (this.#notes.length > 0) await this.#write();
    await this.#compacted?.file.close();
    await this.#file.close();
  }

  /** The one writer: whatever touches the running file goes through here, one step after the other. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    do {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#writeBatch(batch);
    } while (this.#waiting.length > 0 || this.#compacted !== undefined);
    // In the same step as the look at who waits: whoever comes next starts anew.
    this.#writing = undefined;
  }

  /** Group commit: one write and one sync for all that wait. */
  async #writeBatch(batch: readonly Waiter[]): Promise<void> {
    const records = [
      ...this.#unsynced,
      ...this.#notes.splice(0),
      ...batch.flatMap((waiter) => waiter.records),
    ];
    this.#unsynced = records;
    const started = performance.now();
    try {
      await this.#makeDurable(records);
    } catch (error) {
      this.#fail(error as Error);
      const pending = new RevocationPendingError("the journal cannot be written", error);
      for (const waiter of batch) waiter.reject(pending);
      return;
    }
    this.#unsynced = [];
    this.#recover();
    this.#options.onSync?.((performance.now() - started) / 1000);
    for (const waiter of batch) waiter.resolve();
  }

  async #makeDurable(records: readonly JournalRecord[]): Promise<void> {
    const compacted = this.#compacted;
    this.#compacted = undefined;
    if (this.#distrusted) {
      await compacted?.file.close();
      await this.#replace(await this.#copyLive(`${this.#path}.rescued`), records);
    } else if (compacted !== undefined && compacted.origin === this.#file) {
      await this.#replace(compacted, records);
    } else {
      await compacted?.file.close();
      await this.#appendLines(records);
    }
  }

  async #appendLines(records: readonly JournalRecord[]): Promise<void> {
    if (records.length === 0) return;
    // What an earlier failed write may have left behind the last good record goes first.
    if (this.#failure !== undefined) await this.#file.truncate(this.#size);
    const bytes = await writeWhole(this.#file, records.map(formatRecord).join(""));
    // If this fails, the kernel may have dropped the very pages that it could not write, and report
    // success the next time: such a file is not appended to again.
    this.#distrusted = true;
    await this.#file.datasync();
    this.#distrusted = false;
    this.#size += bytes;
    this.#records += records.length;
  }

  #copyLive(temporary: string): Promise<Replacement> {
    return copyLive({
      path: this.#path,
      temporary,
      origin: this.#file,
      upTo: this.#size,
      now: this.#options.clock.nowSeconds(),
      isShared: (name) => this.#options.acknowledged?.isShared(name) ?? false,
    });
  }

  /** Adds what came since and all open intents to a replacement, and puts it in the running file's place. */
  async #replace(next: Replacement, records: readonly JournalRecord[]): Promise<void> {
    try {
      const since: JournalRecord[] = [];
      for await (const some of readRecords(this.#path, next.upTo, this.#size)) {
        for (const { record } of some) {
          if (isCopied(record)) since.push(record);
        }
      }
      const known = this.#options.outbox?.records() ?? [];
      const open = this.#intents.records();
      const all = [...since, ...known, ...open, ...records];
      const lines = all.filter((record) => this.#isWritable(record)).map(formatRecord);
      next.bytes += await writeWhole(next.file, lines.join(""));
      next.records += lines.length;
      await next.file.sync();
      await rename(next.temporary, this.#path);
    } catch (error) {
      await next.file.close();
      throw error;
    }
    // From the rename on this is the file: what is written to the other one is gone at the next start,
    // even if the new name is not durable yet.
    const old = this.#file;
    this.#file = next.file;
    this.#size = next.bytes;
    this.#records = next.records;
    this.#distrusted = true;
    await old.close();
    await syncDirectory(this.#options.dataDir);
    this.#distrusted = false;
  }

  #fail(error: Error): void {
    if (this.#failure === undefined) this.#options.onDisk?.(error);
    this.#failure = error;
    if (this.#closed || this.#retry !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      void this.#write();
    }, retryAfterMs);
    this.#retry.unref();
  }

  #recover(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#options.onDisk?.(undefined);
  }
}
