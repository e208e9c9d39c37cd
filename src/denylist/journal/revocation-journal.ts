import { RevocationPendingError } from "../../errors.ts";
import type { EpochSeconds } from "../../platform/clock.ts";
import { largestOf } from "../../platform/extremes.ts";
import type { Entry } from "../denylist.ts";
import { ignored } from "../ignored.ts";
import type { RememberedLife } from "../retention.ts";
import type { Intents } from "./intents.ts";
import type { Appended, Journal, JournalOptions } from "./journal.ts";
import type { Loss, OpenFile } from "./open-file.ts";
import type { JournalContents } from "./reader.ts";
import { isLive, isSound, type JournalRecord, type ReadRecord } from "./record.ts";
import { replay } from "./replay.ts";
import { JournalWriter } from "./writer.ts";

function liveIn(records: readonly ReadRecord[], now: EpochSeconds): Entry[] {
  return records.flatMap((record) => (isLive(record, now) ? [record.entry] : []));
}

/** That entries were left out because they were over when they came. */
function sweptOf(late: readonly Entry[]): JournalRecord[] {
  if (late.length === 0) return [];
  return [{ verb: "swept", until: largestOf(late, ({ expiresAt }) => expiresAt) }];
}

/** The journal in terms of revocations; the writer knows of records alone. */
export class RevocationJournal implements Journal {
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
