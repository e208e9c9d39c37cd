import type { FileHandle } from "node:fs/promises";
import type { EpochSeconds } from "../platform/clock.ts";
import { createForAppending, writeWhole } from "../platform/durable-file.ts";
import { readRecords } from "./journal-reader.ts";
import { formatRecord, journalTitle } from "./journal-record.ts";

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
}

/** Writes the live revocations of a journal to a new file and syncs it; the journal may grow meanwhile. */
export async function copyLive(options: CopyOptions): Promise<Replacement> {
  const { path, temporary, origin, upTo, now } = options;
  const file = await createForAppending(temporary);
  try {
    let bytes = await writeWhole(file, journalTitle);
    let records = 0;
    let lines: string[] = [];
    for await (const { record } of readRecords(path, journalTitle.length, upTo)) {
      if (record.verb !== "revoked" || record.entry.expiresAt <= now) continue;
      records += 1;
      if (lines.push(formatRecord(record)) < linesPerWrite) continue;
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
