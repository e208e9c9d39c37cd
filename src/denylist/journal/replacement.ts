import type { FileHandle } from "node:fs/promises";
import type { EpochSeconds } from "../../platform/clock.ts";
import { createForAppending, writeWhole } from "../../platform/durable-file.ts";
import type { EntryName } from "../denylist.ts";
import { readRecords } from "./reader.ts";
import { formatRecord, isLive, journalTitle } from "./record.ts";

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

/** Which journal is copied, where to, and how much of it. */
export interface CopyOptions extends Pick<Replacement, "temporary" | "origin" | "upTo"> {
  readonly path: string;
  /** What has expired by then is left behind. */
  readonly now: EpochSeconds;
  /** Whether Redis has acknowledged an entry, in writing; what nobody knows of is not. */
  readonly isShared: (name: EntryName) => boolean;
}

/** Writes the live revocations of a journal to a new file and syncs it; the journal may grow meanwhile. */
export async function copyLive(options: CopyOptions): Promise<Replacement> {
  const { path, temporary, origin, upTo, now, isShared } = options;
  const file = await createForAppending(temporary);
  try {
    let bytes = await writeWhole(file, journalTitle);
    let records = 0;
    for await (const some of readRecords(path, journalTitle.length, upTo)) {
      const lines: string[] = [];
      for (const { record } of some) {
        if (!isLive(record, now)) continue;
        // Its acknowledgement is left behind, so the entry itself must say that Redis has it.
        const verb = isShared(record.entry) ? "shared" : record.verb;
        lines.push(formatRecord({ ...record, verb }));
      }
      bytes += await writeWhole(file, lines.join(""));
      records += lines.length;
    }
    await file.sync();
    return { temporary, file, bytes, records, upTo, origin };
  } catch (error) {
    await file.close();
    throw error;
  }
}
