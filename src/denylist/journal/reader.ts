import { type FileHandle, open } from "node:fs/promises";
import { JournalDamagedError } from "../../errors.ts";
import { keptBeyondSeconds } from "../retention.ts";
import { latestSecond } from "../sound.ts";
import { checkBytes, decodeLines } from "./checked-lines.ts";
import {
  type JournalVersion,
  journalTitle,
  parseText,
  type ReadRecord,
  titleOf,
} from "./record.ts";

/** What a journal held when it was opened. */
export interface JournalContents {
  readonly version: JournalVersion;
  /** How far the file holds whole records; 0 if there is no file. */
  readonly wholeBytes: number;
  readonly records: number;
  /** Whether a record after that was being written when the process died. */
  readonly torn: boolean;
}

const nothing: JournalContents = { version: 2, wholeBytes: 0, records: 0, torn: false };

/** Reads a whole journal, calling `onRecord` for every record. A missing file is an empty one. */
export async function readJournal(
  path: string,
  onRecord: (record: ReadRecord) => void,
): Promise<JournalContents> {
  const file = await openIfThere(path);
  if (file === undefined) return nothing;
  try {
    const { size } = await file.stat();
    const version = await readTitle(file, path);
    let wholeBytes = journalTitle.length;
    let records = 0;
    const part = { path, version, start: wholeBytes, end: size, phase: "start" } as const;
    for await (const some of readRecords(file, part)) {
      for (const record of some.records) onRecord(record);
      wholeBytes += some.bytes;
      records += some.records.length;
    }
    return { version, wholeBytes, records, torn: wholeBytes < size };
  } finally {
    await file.close();
  }
}

/** Only a file that is not there is an empty one: any other error must not end in overwriting it. */
async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Checks the first line.
 *
 * A file gets its name when its title is on disk, so one without a whole title has lost what it held.
 */
async function readTitle(file: FileHandle, path: string): Promise<JournalVersion> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(journalTitle.length), 0);
  const title = buffer.toString("latin1", 0, bytesRead);
  if (title === titleOf(2)) return 2;
  if (title === titleOf(1)) return 1;
  if (titleOf(2).startsWith(title) || titleOf(1).startsWith(title)) {
    throw new JournalDamagedError(
      `${path}:1: the file ${bytesRead === 0 ? "is empty" : "ends in its first line"}: what it held is lost. Put a copy of it in its place; or remove it, and revocations that only it held are forgotten`,
    );
  }
  throw new JournalDamagedError(
    `${path}:1: expected "${journalTitle.trim()}"; this is not a journal of this version of revgate`,
  );
}

/** Which part of which journal is read. */
export interface Part {
  /** For the text of errors. */
  readonly path: string;
  readonly version: JournalVersion;
  readonly start: number;
  readonly end: number;
  /** Whether requests wait for what is parsed at once, or nothing is served yet; the former by default. */
  readonly phase?: keyof typeof bytesPerRead;
}

/** Some records, and how many bytes their lines take. */
export interface StoredRecords {
  readonly records: readonly ReadRecord[];
  readonly bytes: number;
}

/** What is parsed in one turn of the event loop: less than a millisecond, in which requests wait; at a start, none does. */
const bytesPerRead = { running: 16 * 1024, start: 256 * 1024 } as const;
/** Far more than any record takes: a longer line is damaged, and no more of it is kept. */
const maxLineBytes = 4096;
const lineFeed = 0x0a;

/**
 * The records between two positions of a journal, as many at a time as one read brings.
 *
 * A torn last line ends it (so does one that is being written just now); any other damage throws
 * JournalDamagedError with the line's number.
 */
export async function* readRecords(
  file: FileHandle,
  { path, version, start, end, phase = "running" }: Part,
): AsyncGenerator<StoredRecords> {
  if (end <= start) return;
  let rest: Buffer = Buffer.alloc(0);
  const lines = new LineParser(version);
  try {
    // No stream: one that is left in the middle closes the file, for its writer too.
    for await (const chunk of chunksOf(file, { start, end }, phase)) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const whole = bytes.lastIndexOf(lineFeed) + 1;
      // At the end of the file it is a torn line, as long as a disk makes it that lost power.
      rest = bytes.subarray(whole, whole + maxLineBytes + 1);
      yield lines.parse(bytes.subarray(0, whole));
    }
    if (rest.length > 0) lines.checkBefore();
  } catch (error) {
    if (!(error instanceof DamagedLine)) throw error;
    throw damageAt(path, (await countLines(file, start)) + error.number);
  }
}

/** Where the first line begins at or behind a position that is within a journal's records. */
export async function lineStartAt(
  file: FileHandle,
  position: number,
  end: number,
): Promise<number> {
  let at = position - 1;
  for await (const chunk of chunksOf(file, { start: at, end })) {
    const found = chunk.indexOf(lineFeed);
    if (found >= 0) return at + found + 1;
    at += chunk.length;
  }
  return end;
}

async function countLines(file: FileHandle, end: number): Promise<number> {
  let count = 0;
  for await (const chunk of chunksOf(file, { start: 0, end })) {
    for (const byte of chunk) if (byte === lineFeed) count += 1;
  }
  return count;
}

async function* chunksOf(
  file: FileHandle,
  { start, end }: { readonly start: number; readonly end: number },
  phase: keyof typeof bytesPerRead = "running",
): AsyncGenerator<Buffer> {
  for (let position = start; position < end; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(bytesPerRead[phase], end - position));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** A line that is no record and not the last one: the first that is read is number 1. */
class DamagedLine extends Error {
  readonly number: number;

  constructor(number: number) {
    super(`line ${number} is damaged`);
    this.number = number;
  }
}

/** Parses lines; one that is no record is damage as soon as anything comes behind it. */
class LineParser {
  #number = 0;
  readonly #version: JournalVersion;
  #damaged: number | undefined;

  constructor(version: JournalVersion) {
    this.#version = version;
  }

  /** Parses whole lines, each with its line feed. */
  parse(lines: Buffer): StoredRecords {
    const records: ReadRecord[] = [];
    let bytes = 0;
    for (const text of decodeLines(lines)) {
      this.#number += 1;
      this.checkBefore();
      const isWhole = text !== undefined && text.length <= maxLineBytes;
      const record = isWhole ? parseText(text) : undefined;
      if (!isWhole || record === undefined) {
        this.#damaged = this.#number;
        continue;
      }
      records.push(brought(record, this.#version));
      bytes += text.length + checkBytes;
    }
    return { records, bytes };
  }

  /** Throws if the line before was damaged: it is not the last one. */
  checkBefore(): void {
    if (this.#damaged !== undefined) throw new DamagedLine(this.#damaged);
  }
}

/** A record of an older version as one of this: it lasts as long as it would have to now. */
function brought(record: ReadRecord, version: JournalVersion): ReadRecord {
  if (version === 2 || !("entry" in record)) return record;
  const expiresAt = Math.min(record.entry.expiresAt + keptBeyondSeconds, latestSecond);
  return { ...record, entry: { ...record.entry, expiresAt } };
}

function damageAt(path: string, line: number): JournalDamagedError {
  return new JournalDamagedError(
    `${path}:${line}: not a record, and not the last line: another process changed the file, or the disk lost data. ` +
      `The revocations in that line are unknown. To continue without it: make a copy, delete line ${line}, start again, ` +
      "and repeat the revocations made around that time",
  );
}
