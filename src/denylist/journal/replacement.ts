import { type FileHandle, rename } from "node:fs/promises";
import type { EpochSeconds } from "../../platform/clock.ts";
import { createForAppending, ensureDirectory, writeWhole } from "../../platform/durable-file.ts";
import type { EntryName } from "../denylist.ts";
import { OpenFile } from "./open-file.ts";
import {
  formatRecords,
  isLive,
  type JournalRecord,
  journalTitle,
  type ReadRecord,
} from "./record.ts";

/** A file that is to take the place of the running one. */
export interface Replacement {
  readonly temporary: string;
  readonly file: FileHandle;
  bytes: number;
  records: number;
  /** The running file it was made from; undefined: there was none. */
  readonly origin: OpenFile | undefined;
  /** How much of the running file it has. */
  readonly upTo: number;
}

/** What is copied, and where to. */
export interface CopyOptions extends Pick<Replacement, "temporary" | "origin"> {
  readonly dataDir: string;
  /** What has expired by then is left out. */
  readonly now: EpochSeconds;
  /** Whether Redis has acknowledged an entry, in writing; what is unknown is not. */
  readonly isShared: (name: EntryName) => boolean;
}

/** Writes the live revocations of a journal to a new file and syncs it; the journal may grow meanwhile. */
export async function copyLive(options: CopyOptions): Promise<Replacement> {
  const { dataDir, temporary, origin } = options;
  await ensureDirectory(dataDir);
  const file = await createForAppending(temporary);
  const upTo = origin?.size ?? 0;
  const next: Replacement = { temporary, file, bytes: 0, records: 0, origin, upTo };
  try {
    next.bytes = await writeWhole(file, journalTitle);
    if (origin !== undefined) await copyRecords(origin, next, options);
    await file.sync();
    return next;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function copyRecords(
  origin: OpenFile,
  next: Replacement,
  { now, isShared }: CopyOptions,
): Promise<void> {
  let swept = 0;
  for await (const some of origin.read(journalTitle.length, next.upTo)) {
    const live: JournalRecord[] = [];
    for (const record of some.records) {
      swept = Math.max(swept, deadlineLeftOut(record, now));
      if (!isLive(record, now)) continue;
      // Its acknowledgement is left out, so the entry itself must say that Redis has it.
      live.push({ ...record, verb: isShared(record.entry) ? "shared" : record.verb });
    }
    await write(next, live);
  }
  if (swept > 0) await write(next, [{ verb: "swept", until: swept }]);
}

/** Until when a revocation was kept that is left out; 0 if the record is none. */
function deadlineLeftOut(record: ReadRecord, now: EpochSeconds): EpochSeconds {
  if (record.verb === "swept") return record.until;
  const isEntry = record.verb === "revoked" || record.verb === "shared";
  return isEntry && record.entry.expiresAt <= now ? record.entry.expiresAt : 0;
}

async function write(next: Replacement, records: readonly JournalRecord[]): Promise<void> {
  next.bytes += await writeWhole(next.file, formatRecords(records));
  next.records += records.length;
}

/** What is added to a replacement before it is put in place. */
export interface InstallOptions {
  readonly path: string;
  /** What holds at this moment: of it, nothing is taken from the running file. */
  readonly standing: readonly JournalRecord[];
  readonly isWritable: (record: JournalRecord) => boolean;
}

/** Adds to a replacement what came since it was made, and gives it the name of the running file. */
export async function install(
  next: Replacement,
  { path, standing, isWritable }: InstallOptions,
): Promise<OpenFile> {
  try {
    for await (const some of next.origin?.read(next.upTo) ?? []) {
      const since = some.records.filter(isCopied);
      await write(next, since.filter(isWritable));
    }
    await write(next, standing.filter(isWritable));
    await next.file.sync();
    const { bytes: size, records } = next;
    const file = await OpenFile.of(path, next.file, { version: 2, size, records });
    await rename(next.temporary, path);
    return file;
  } catch (error) {
    await next.file.close();
    throw error;
  }
}

/** Open intents and what is known of Redis are written anew; what is ignored ends here. */
function isCopied(record: ReadRecord): record is JournalRecord {
  return !["intent", "settled", "lifetime", "ignored"].includes(record.verb);
}
