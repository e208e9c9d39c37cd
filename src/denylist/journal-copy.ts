import type { FileHandle } from "node:fs/promises";
import type { EpochSeconds } from "../platform/clock.ts";
import { createForAppending, writeWhole } from "../platform/durable-file.ts";
import type { EntryName } from "./denylist.ts";
import { readRecords } from "./journal-reader.ts";
import { formatRecord, isLive, journalTitle } from "./journal-record.ts";

/** A file that is to take the place of the running one. */
export interface Replacement {
  readonly temporary: string;
  readonly file: FileHandle;
  bytes: number;
  records: number;
  /** How much of the running file it has. */
  readonly upTo: number;
  /** The running file it was made from. */
  readonly origin: FileHandle;
}

const linesPerWrite = 1000;

/** Which journal is copied, where to, and how much of it. */
export interface CopyOptions extends Pick<Replacement, "temporary" | "origin" | "upTo"> {
  readonly path: string;
  /** What has expired by then is left behind. */
  readonly now: EpochSeconds;
  /** Whether Redis has yet to acknowledge an entry. */
  readonly isPending: (name: EntryName) => boolean;
}

/** Writes the live revocations of a journal to a new file and syncs it; the journal may grow meanwhile. */
export async function copyLive(options: CopyOptions): Promise<Replacement> {
  const { path, temporary, origin, upTo, now, isPending } = options;
  const file = await createForAppending(temporary);
  try {
    let bytes = await writeWhole(file, journalTitle);
    let records = 0;
    let lines: string[] = [];
    for await (const { record } of readRecords(path, journalTitle.length, upTo)) {
      if (!isLive(record, now)) continue;
      records += 1;
      // Its acknowledgement is left behind, so the entry itself must say that Redis has it.
      const verb = isPending(record.entry) ? record.verb : "shared";
      if (lines.push(formatRecord({ ...record, verb })) < linesPerWrite) continue;
      bytes += await writeWhole(file, lines.join(""));
      lines = [];
    }
    bytes += await writeWhole(file, lines.join(""));
    await file.sync();
    return { temporary, file, bytes, records, upTo, origin };
  } catch (error) {
    await file.close();
    throw error;
  }
}
