import type { BigIntStats } from "node:fs";
import { type FileHandle, stat } from "node:fs/promises";
import { openForAppending, writeWhole } from "../../platform/durable-file.ts";
import { lineStartAt, readRecords, type StoredRecords } from "./reader.ts";
import { formatRecords, type JournalRecord, type JournalVersion, journalTitle } from "./record.ts";

/** What of a file is known to be whole. */
interface Extent {
  readonly version: JournalVersion;
  /** Bytes known to be on disk; what stands after them is never trusted after a failure. */
  readonly size: number;
  readonly records: number;
}

/** What somebody else has done to a file that is open here. */
export interface Loss {
  readonly reason: string;
  /** Whether all that was written to it can still be read here. */
  readonly whole: boolean;
}

/** So that requests wait for less than a millisecond while they are put into words. */
const recordsPerWrite = 200;

/** A journal file as this process has it open: what it knows of it is what it has written itself. */
export class OpenFile {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #identity: Pick<BigIntStats, "dev" | "ino">;
  #extent: Extent;
  #readers = 0;
  #closing = false;

  private constructor(path: string, file: FileHandle, identity: BigIntStats, extent: Extent) {
    this.path = path;
    this.#file = file;
    this.#identity = identity;
    this.#extent = extent;
  }

  /** Opens the file under a name; makes it if it is missing. */
  static async open(path: string, extent: Extent): Promise<OpenFile> {
    const file = await openForAppending(path);
    return OpenFile.of(path, file, extent);
  }

  /** Takes over a file that is open for reading and appending, and is to be known by that name. */
  static async of(path: string, file: FileHandle, extent: Extent): Promise<OpenFile> {
    return new OpenFile(path, file, await file.stat({ bigint: true }), extent);
  }

  get version(): JournalVersion {
    return this.#extent.version;
  }

  get size(): number {
    return this.#extent.size;
  }

  get records(): number {
    return this.#extent.records;
  }

  /** The records from one position on, up to what was whole when this was called. */
  read(start = journalTitle.length, end = this.size): AsyncGenerator<StoredRecords> {
    return this.#held(this.#part(start, end));
  }

  /** All records, from somewhere in the middle on to the end, and then from the beginning; `from` 0 to 1. */
  readRound(from: number): AsyncGenerator<StoredRecords> {
    return this.#held(this.#round(from, this.size));
  }

  async *#round(from: number, end: number): AsyncGenerator<StoredRecords> {
    const position = journalTitle.length + Math.floor(from * (end - journalTitle.length));
    const middle = await lineStartAt(this.#file, position, end);
    yield* this.#part(middle, end);
    yield* this.#part(journalTitle.length, middle);
  }

  #part(start: number, end: number): AsyncGenerator<StoredRecords> {
    const { path, version } = this;
    return readRecords(this.#file, { path, version, start, end });
  }

  /** The file stays open for as long as it is read. */
  async *#held(records: AsyncGenerator<StoredRecords>): AsyncGenerator<StoredRecords> {
    this.#readers += 1;
    try {
      yield* records;
    } finally {
      this.#readers -= 1;
      if (this.#closing) void this.close();
    }
  }

  /** Drops what stands behind the last whole record. */
  async truncate(): Promise<void> {
    await this.#file.truncate(this.size);
  }

  /** Appends records, some at a time, so that many of them are no pause; resolves with their length in bytes. */
  async append(records: readonly JournalRecord[]): Promise<number> {
    let bytes = 0;
    for (let at = 0; at < records.length; at += recordsPerWrite) {
      const some = records.slice(at, at + recordsPerWrite);
      bytes += await writeWhole(this.#file, formatRecords(some));
    }
    return bytes;
  }

  /** Has the disk take what was appended. */
  sync(): Promise<void> {
    return this.#file.datasync();
  }

  /** Counts what was appended as known to be on disk. */
  grow(bytes: number, records: number): void {
    const { version, size, records: before } = this.#extent;
    this.#extent = { version, size: size + bytes, records: before + records };
  }

  /**
   * What has become of the file under its name; undefined if it is this one, as this process left it, with
   * so many bytes appended.
   *
   * A process that appends to a file that has no name any more is told that all is well, and all of it is lost.
   */
  async loss(appended = 0): Promise<Loss | undefined> {
    const own = Number((await this.#file.stat({ bigint: true })).size);
    const found = await statIfThere(this.path);
    const expected = this.size + appended;
    const whole = own >= expected;
    if (found === undefined) return { reason: "it was removed", whole };
    if (found.ino !== this.#identity.ino || found.dev !== this.#identity.dev) {
      return { reason: "another file was put in its place", whole };
    }
    if (own === expected) return undefined;
    return { reason: `it has ${own} bytes instead of ${expected}`, whole };
  }

  /** Closes the file when its last reader is done. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#readers === 0) await this.#file.close();
  }
}

async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
