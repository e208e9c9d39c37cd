import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { JournalDamagedError } from "../errors.ts";
import { type JournalRecord, journalTitle, parseRecord } from "./journal-record.ts";

/** What a journal held when it was opened. */
export interface JournalContents {
  /** How far the file holds whole records. */
  readonly wholeBytes: number;
  readonly records: number;
  /** Whether a record behind that was being written when the process died. */
  readonly torn: boolean;
}

/** Reads a whole journal, calling `onRecord` for every record. A missing file is an empty one. */
export async function readJournal(
  path: string,
  onRecord: (record: JournalRecord) => void,
): Promise<JournalContents> {
  const length = await lengthOf(path);
  let wholeBytes = length === 0 ? 0 : await readTitle(path);
  let records = 0;
  for await (const { record, bytes } of readRecords(path, wholeBytes, length)) {
    onRecord(record);
    wholeBytes += bytes;
    records += 1;
  }
  return { wholeBytes, records, torn: wholeBytes < length };
}

/** Only a file that is not there is an empty one: any other error must not end in overwriting it. */
async function lengthOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

/** Checks the first line; a file that is only the beginning of it was torn at its very start. */
async function readTitle(path: string): Promise<number> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(journalTitle.length), 0);
    const title = buffer.toString("latin1", 0, bytesRead);
    if (title === journalTitle) return journalTitle.length;
    if (journalTitle.startsWith(title)) return 0;
    throw new JournalDamagedError(
      `${path}:1: expected "${journalTitle.trim()}"; this is not a journal of this version of revgate`,
    );
  } finally {
    await file.close();
  }
}

/**
 * The records between two positions of a journal, with their lengths in bytes.
 *
 * A torn last line ends it (so does one that is being written just now); any other damage throws
 * JournalDamagedError with the line's number.
 */
export async function* readRecords(path: string, start: number, end: number) {
  if (end <= start) return;
  const stream = createReadStream(path, { start, end: end - 1 });
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  let number = 1;
  let damaged: number | undefined;
  let left = end - start;
  try {
    for await (const line of lines) {
      number += 1;
      if (damaged !== undefined) throw damageAt(path, damaged);
      const bytes = Buffer.byteLength(line) + 1;
      left -= bytes;
      const record = parseRecord(line);
      // The last line counts only with its line feed; one before it that is no record is damage.
      if (record === undefined || left < 0) damaged = number;
      else yield { record, bytes };
    }
  } finally {
    lines.close();
    stream.destroy();
  }
}

function damageAt(path: string, line: number): JournalDamagedError {
  return new JournalDamagedError(
    `${path}:${line}: not a record, and not the last line: the file was changed or the disk lost data. ` +
      `Revocations in that line are unknown. To go on without it: make a copy, delete line ${line}, start again, ` +
      "and revoke again what was revoked around that time",
  );
}
