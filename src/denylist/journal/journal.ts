import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RevocationPendingError } from "../../errors.ts";
import type { Clock, EpochSeconds } from "../../platform/clock.ts";
import { ensureDirectory, syncDirectory } from "../../platform/durable-file.ts";
import type { Entry, EntryName } from "../denylist.ts";
import { ignored, type OnIgnored } from "../ignored.ts";
import type { RememberedLife, RememberedLives } from "../retention.ts";
import { Intents } from "./intents.ts";
import { type Loss, OpenFile } from "./open-file.ts";
import type { Outbox } from "./outbox.ts";
import { type JournalContents, readJournal } from "./reader.ts";
import { isLive, isSound, type JournalRecord, type ReadRecord } from "./record.ts";
import { JournalWriter } from "./writer.ts";

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
  /** Keeps entries that Redis has, and notes those that came `late`. Nobody waits for it. */
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
  /** Notes that nothing came of an intent. Nobody waits for it: at worst it is taken for unknown. */
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
  /** What of the file was lost under this process for good; what it said is in force until the process ends. */
  readonly damage: string | undefined;
  close(): Promise<void>;
}

/**
 * Opens the journal of a data directory.
 *
 * A torn last line (the process died while writing it) is dropped: nobody was promised it. A line
 * before it that is not a record stops the start with JournalDamagedError, which names the line. A disk
 * that cannot be written does not: `failure` says so, and it is tried again.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { dataDir, clock, outbox } = options;
  const path = join(dataDir, "journal");
  await ensureDirectory(dataDir);
  await rm(`${path}.compacted`, { force: true });
  await rm(`${path}.rescued`, { force: true });

  const intents = new Intents();
  const now = clock.nowSeconds();
  const found = await readJournal(path, (record) => {
    if (record.verb === "ignored") {
      options.onIgnored?.(ignored("journal", "a line that is no record", record.text));
      return;
    }
    intents.replay(record);
    if (record.verb === "lifetime") options.lives?.add(record.life);
    replay(record, options, now);
    outbox?.replay(record);
  });
  outbox?.dropExpired(clock.nowSeconds());
  const opened = await openFound(path, found);
  const journal = new RevocationJournal(path, opened, { found, intents, options });
  // What was found is on disk from here on, in the form of this version, or `failure` says why not.
  await journal.check();
  return journal;
}

/** Opens the file that was read; whether it can be gone on with, or has to be made anew. */
async function openFound(
  path: string,
  { version, wholeBytes, records }: JournalContents,
): Promise<{ readonly file: OpenFile | undefined; readonly distrusted: boolean }> {
  if (wholeBytes === 0) return { file: undefined, distrusted: true };
  const file = await OpenFile.open(path, { version, size: wholeBytes, records });
  try {
    await file.truncate();
    await file.sync();
    await syncDirectory(dirname(path));
    return { file, distrusted: version !== 2 };
  } catch {
    return { file, distrusted: true };
  }
}

/** Follows a record that says something of an entry. */
function replay(
  record: ReadRecord,
  { onEntry, onLeftOut, outbox, acknowledged }: JournalOptions,
  now: EpochSeconds,
): void {
  if (isLive(record, now)) onEntry(record.entry);
  else if (record.verb === "revoked" || record.verb === "shared") {
    onLeftOut?.(record.entry.expiresAt);
  }
  if (record.verb === "swept") onLeftOut?.(record.until);
  // Redis has what was shared, and what it acknowledged: the entry that was pending then.
  if (record.verb === "shared") acknowledged?.markShared(record.entry);
  const entry = record.verb === "acked" ? outbox?.get(record.name) : undefined;
  if (entry !== undefined) acknowledged?.markShared(entry);
}

function liveIn(records: readonly ReadRecord[], now: EpochSeconds): Entry[] {
  return records.flatMap((record) => (isLive(record, now) ? [record.entry] : []));
}

/** That entries were left out because they were over when they came. */
function sweptOf(late: readonly Entry[]): JournalRecord[] {
  if (late.length === 0) return [];
  return [{ verb: "swept", until: Math.max(...late.map(({ expiresAt }) => expiresAt)) }];
}

/** The journal in terms of revocations; the writer knows of records alone. */
class RevocationJournal implements Journal {
  readonly tornRecords: number;
  readonly unsettled: Journal["unsettled"];
  damage: string | undefined;
  readonly #options: JournalOptions;
  readonly #intents: Intents;
  readonly #writer: JournalWriter;

  constructor(
    path: string,
    { file, distrusted }: { file: OpenFile | undefined; distrusted: boolean },
    {
      found,
      intents,
      options,
    }: { found: JournalContents; intents: Intents; options: JournalOptions },
  ) {
    const { clock, dataDir, outbox, acknowledged, lives, onSync, onDisk } = options;
    this.#options = options;
    this.#intents = intents;
    this.unsettled = intents.list();
    this.tornRecords = found.torn ? 1 : 0;
    this.#writer = new JournalWriter(file, {
      ...{ path, dataDir, distrusted, onSync, onDisk },
      now: () => clock.nowSeconds(),
      isShared: (name) => acknowledged?.isShared(name) ?? false,
      standing: () => [
        ...(lives?.list ?? []).map((life): JournalRecord => ({ verb: "lifetime", life })),
        ...(outbox?.records() ?? []),
        ...intents.records(),
      ],
      isWritable: (record) => this.#isWritable(record),
      onLoss: (loss) => this.#onLoss(loss),
    });
  }

  get size(): number {
    return this.#writer.size;
  }

  get records(): number {
    return this.#writer.records;
  }

  get failure(): Error | undefined {
    return this.#writer.failure;
  }

  append(entries: readonly Entry[], { settles, late = [] }: Appended = {}): Promise<void> {
    const records = entries.map((entry): JournalRecord => ({ verb: "revoked", entry }));
    records.push(...sweptOf(late));
    if (settles !== undefined) {
      records.push({ verb: "settled", id: settles });
      this.#intents.settle(settles);
    }
    return this.#enqueue(records, () => {
      // Here, so that there is no way for an entry to be on disk and never be sent.
      for (const entry of entries) this.#options.outbox?.ensure(entry);
    });
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

  keep(entries: readonly Entry[], late: readonly Entry[] = []): void {
    for (const entry of entries) this.#options.acknowledged?.markShared(entry);
    const records = entries.map((entry): JournalRecord => ({ verb: "shared", entry }));
    records.push(...sweptOf(late));
    const writable = records.filter((record) => this.#isWritable(record));
    // Where the disk fails, they are kept like every other record.
    this.#writer.enqueue(writable).catch(() => {});
  }

  acknowledge(entry: Entry): void {
    this.#options.acknowledged?.markShared(entry);
    this.#note({ verb: "acked", name: { kind: entry.kind, value: entry.value } });
  }

  note(record: JournalRecord & { verb: "known" }): void {
    this.#note(record);
  }

  remember(life: RememberedLife): Promise<void> {
    // Where the disk fails, the record is kept like every other.
    return this.#enqueue([{ verb: "lifetime", life }]).catch(() => {});
  }

  async load(): Promise<void> {
    const options = { ...this.#options, outbox: undefined };
    const now = options.clock.nowSeconds();
    for await (const some of this.#writer.file?.read() ?? []) {
      for (const record of some.records) replay(record, options, now);
    }
  }

  check(): Promise<void> {
    return this.#writer.check();
  }

  async *entries(from = 0): AsyncGenerator<readonly Entry[]> {
    const now = this.#options.clock.nowSeconds();
    // Looked at before the file: what reaches it meanwhile comes twice rather than not at all.
    const { onTheirWay } = this.#writer;
    for await (const { records } of this.#writer.file?.readRound(from) ?? []) {
      yield liveIn(records, now);
    }
    yield liveIn(onTheirWay, now);
  }

  compact(): Promise<void> {
    return this.#writer.compact();
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  #note(record: JournalRecord): void {
    if (!this.#isWritable(record)) return;
    this.#options.outbox?.replay(record);
    this.#writer.note(record);
  }

  /** The last check before the disk: a line that cannot be read again would end every later start. */
  #isWritable(record: JournalRecord): boolean {
    if (isSound(record)) return true;
    const text = JSON.stringify(record);
    this.#options.onIgnored?.(ignored("journal", "a record that could not be read again", text));
    return false;
  }

  #enqueue(records: readonly JournalRecord[], beforeWriting = () => {}): Promise<void> {
    if (!records.every((record) => this.#isWritable(record))) {
      return Promise.reject(
        new RevocationPendingError("not recorded: no revocation has such a name or time"),
      );
    }
    beforeWriting();
    return this.#writer.enqueue(records);
  }

  #onLoss(loss: Loss): void {
    if (!loss.whole) this.damage = loss.reason;
    this.#options.onLoss?.(loss);
  }
}
