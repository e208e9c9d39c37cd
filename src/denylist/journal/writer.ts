import { RevocationPendingError } from "../../errors.ts";
import { syncDirectory } from "../../platform/durable-file.ts";
import type { Loss, OpenFile } from "./open-file.ts";
import type { JournalRecord } from "./record.ts";
import { type CopyOptions, copyLive, install, type Replacement } from "./replacement.ts";

/** What a writer needs to know, and who is told what. */
export interface WriterOptions extends Pick<CopyOptions, "dataDir" | "isShared"> {
  readonly path: string;
  /** What has expired by this moment is left out of a new file. */
  readonly now: () => number;
  /** What holds at this moment besides entries: written anew with each new file. */
  readonly standing: () => readonly JournalRecord[];
  /** Whether a record can be read again. */
  readonly isWritable: (record: JournalRecord) => boolean;
  readonly onSync?: ((seconds: number) => void) | undefined;
  readonly onDisk?: ((error: Error | undefined) => void) | undefined;
  /** Told that somebody took the file away or changed it, and that it has been made again. */
  readonly onLoss?: ((loss: Loss) => void) | undefined;
}

interface Waiter {
  readonly records: readonly JournalRecord[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const retryAfterMs = 1000;
const maxNotes = 1000;

/**
 * The one writer of a journal: whatever touches the running file goes through here, one step after the
 * other, in groups that share a write and a sync.
 */
export class JournalWriter {
  readonly #options: WriterOptions;
  #file: OpenFile | undefined;
  #waiting: Waiter[] = [];
  /** Records without a waiter. */
  #notes: JournalRecord[] = [];
  /** Records on their way to the disk; those that were refused go first as soon as it works. */
  #unsynced: readonly JournalRecord[] = [];
  #failure: Error | undefined;
  /** The file may have lost what was not synced, and say nothing of it; or it is of an older version. */
  #distrusted: boolean;
  #compacted: Replacement | undefined;
  #compacting: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  /** Goes on with a file; one that is missing or distrusted is made again with the first write. */
  constructor(
    file: OpenFile | undefined,
    { distrusted, ...options }: WriterOptions & { readonly distrusted: boolean },
  ) {
    this.#file = file;
    this.#options = options;
    this.#distrusted = distrusted;
  }

  get size(): number {
    return this.#file?.size ?? 0;
  }

  get records(): number {
    return this.#file?.records ?? 0;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The running file; undefined while none could be made. */
  get file(): OpenFile | undefined {
    return this.#file;
  }

  /** Records that have not reached the file. */
  get onTheirWay(): readonly JournalRecord[] {
    return [...this.#unsynced, ...this.#waiting.flatMap(({ records }) => records)];
  }

  /** Resolves when the records survive a power cut; rejects with RevocationPendingError where the disk fails. */
  enqueue(records: readonly JournalRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      void this.#write();
    });
  }

  /** Writes a record with the next write. */
  note(record: JournalRecord): void {
    this.#notes.push(record);
    if (this.#notes.length >= maxNotes) void this.#write();
  }

  /** Looks whether the file is still there, and makes it again if not. Never rejects. */
  check(): Promise<void> {
    return this.enqueue([]).catch(() => {});
  }

  compact(): Promise<void> {
    this.#compacting ??= this.#compact().finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#compacting?.catch(() => {});
    await this.#write();
    if (this.#notes.length > 0) await this.#write();
    await this.#compacted?.file.close();
    await this.#file?.close();
  }

  async #compact(): Promise<void> {
    this.#compacted = await this.#copy("compacted");
    await this.#write();
  }

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
    // In the same step as the look at who waits: the next append starts anew.
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
    if (records.length > 0) this.#options.onSync?.((performance.now() - started) / 1000);
    for (const waiter of batch) waiter.resolve();
  }

  async #makeDurable(records: readonly JournalRecord[]): Promise<void> {
    const compacted = this.#compacted;
    this.#compacted = undefined;
    const file = this.#file;
    if (file === undefined || this.#distrusted) {
      await compacted?.file.close();
      await this.#replace(await this.#copy("rescued"), records);
      return;
    }
    if (compacted !== undefined && compacted.origin === file) {
      await this.#replace(compacted, records);
      return;
    }
    await compacted?.file.close();
    await this.#append(file, records);
  }

  async #append(file: OpenFile, records: readonly JournalRecord[]): Promise<void> {
    // What an earlier failed write may have left behind the last good record goes first.
    if (this.#failure !== undefined) await file.truncate();
    const bytes = await file.append(records);
    // If this fails, the kernel may have dropped the very pages that it could not write, and report
    // success the next time: such a file is not appended to again.
    this.#distrusted = true;
    if (bytes > 0) await file.sync();
    // Behind the sync, and before anybody is told that it counts.
    const loss = await file.loss(bytes);
    if (loss === undefined) {
      file.grow(bytes, records.length);
      this.#distrusted = false;
      return;
    }
    await this.#replace(await this.#copy("rescued"), records);
    this.#options.onLoss?.(loss);
  }

  #copy(suffix: "compacted" | "rescued"): Promise<Replacement> {
    const { path, dataDir, now, isShared } = this.#options;
    const temporary = `${path}.${suffix}`;
    return copyLive({ dataDir, temporary, origin: this.#file, now: now(), isShared });
  }

  /** Puts a replacement in the running file's place, with these records after all others. */
  async #replace(next: Replacement, records: readonly JournalRecord[]): Promise<void> {
    const { path, dataDir, standing, isWritable } = this.#options;
    const old = this.#file;
    this.#file = await install(next, {
      ...{ path, isWritable },
      standing: [...standing(), ...records],
    });
    // From the rename on this is the file: what is written to the other one is gone at the next start,
    // even if the new name is not durable yet.
    this.#distrusted = true;
    await old?.close();
    await syncDirectory(dataDir);
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
