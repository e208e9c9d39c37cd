import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { JournalDamagedError } from "../../errors.ts";
import { journalTitle, parseRecord, type ReadRecord } from "./record.ts";

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
  onRecord: (record: ReadRecord) => void,
): Promise<JournalContents> {
  const length = await lengthOf(path);
  let wholeBytes = length === 0 ? 0 : await readTitle(path);
  let records = 0;
  for await (const some of readRecords(path, wholeBytes, length)) {
    for (const { record, bytes } of some) {
      onRecord(record);
      wholeBytes += bytes;
    }
    records += some.length;
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

/** A record, and how many bytes its line takes. */
export interface StoredRecord {
  readonly record: ReadRecord;
  readonly bytes: number;
}

const bytesPerRead = 256 * 1024;
const lineFeed = 0x0a;

/**
 * The records between two positions of a journal, as many at a time as one read brings.
 *
 * A torn last line ends it (so does one that is being written just now); any other damage throws
 * JournalDamagedError with the line's number.
 */
export async function* readRecords(
  path: string,
  start: number,
  end: number,
): AsyncGenerator<readonly StoredRecord[]> {
  if (end <= start) return;
  const stream = createReadStream(path, { start, end: end - 1, highWaterMark: bytesPerRead });
  let rest: Buffer = Buffer.alloc(0);
  const lines = new LineParser(path);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.lastIndexOf(lineFeed) + 1;
    rest = bytes.subarray(whole);
    yield lines.parse(bytes.toString("latin1", 0, whole));
  }
  if (rest.length > 0) lines.checkBefore();
}

/** Parses lines; one that is no record is damage as soon as anything comes behind it. */
class LineParser {
  readonly #path: string;
  #number = 1;
  #damaged: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Parses whole lines, each with its line feed. */
  parse(text: string): StoredRecord[] {
    const records: StoredRecord[] = [];
    for (const line of text.split("\n").slice(0, -1)) {
      this.#number += 1;
      this.checkBefore();
      const record = parseRecord(line);
      if (record === undefined) this.#damaged = this.#number;
      else records.push({ record, bytes: line.length + 1 });
    }
    return records;
  }

  /** Throws where the line before was damaged: it is not the last one. */
  checkBefore(): void {
    if (this.#damaged !== undefined) throw damageAt(this.#path, this.#damaged);
  }
}

function damageAt(path: string, line: number): JournalDamagedError {
  return new JournalDamagedError(
    `${path}:${line}: not a record, and not the last line: the file was changed or the disk lost data. ` +
      `Revocations in that line are unknown. To go on without it: make a copy, delete line ${line}, start again, ` +
      "and revoke again what was revoked around that time",
  );
}
