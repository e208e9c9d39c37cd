import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory, writeWhole } from "../../platform/durable-file.ts";
import { entryKinds } from "../denylist.ts";
import { isSoundEpochId } from "../sound.ts";
import { decodeLines, encodeLines } from "./checked-lines.ts";

/** A line of the feed, by its id and its text: an id may be given twice. */
export interface FeedPosition {
  readonly id: string;
  readonly text: string;
}

/** Up to where a journal and a store were the same, in an epoch of the store. */
export interface ReadPosition {
  readonly epochId: string;
  /** The journal has all that the store had when this line was its last. */
  readonly read: FeedPosition;
  /** A store that has this line has all that the journal has, but for what is in the outbox; none before `read`. */
  readonly tail: FeedPosition;
}

/** The position, and the journal that it is of: by its file and its length. */
interface Kept extends ReadPosition {
  readonly journal: string;
}

const fileName = "read-position";
/** A version that knows of more kinds has to load: this one read over them, and its journal lacks them. */
const title = `revgate-position-1:${entryKinds.join(",")}`;
const lineId = /^\d{1,20}-\d{1,20}$/;
/** Longer than any line's text that a sidecar writes. */
const maxTextLength = 200;

/**
 * Takes what the last process noted when it stopped; undefined if it noted nothing, or the journal is not
 * the one of that moment, byte for byte as long. To be called before the journal is opened.
 *
 * Whatever is unclear is undefined: then everything is loaded from the store.
 */
export async function takeReadPosition(dataDir: string): Promise<ReadPosition | undefined> {
  const path = join(dataDir, fileName);
  try {
    const kept = parse(await readFile(path));
    // From here on the journal grows.
    await rm(path);
    await syncDirectory(dataDir);
    return kept !== undefined && kept.journal === (await identify(dataDir)) ? kept : undefined;
  } catch {
    return undefined;
  }
}

/** Notes a position for the next process. To be called when the journal is closed, and all of it on disk. */
export async function keepReadPosition(dataDir: string, position: ReadPosition): Promise<void> {
  const kept = { ...position, journal: await identify(dataDir) };
  // What would not be read again as it is: no sidecar writes such a line.
  const again = parse(format(kept));
  if (again?.read.text !== position.read.text || again.tail.text !== position.tail.text) return;
  const path = join(dataDir, fileName);
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await writeWhole(file, format(kept));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(dataDir);
}

/** Another file, or the same with more or fewer records, has another text. */
async function identify(dataDir: string): Promise<string> {
  const { ino, size } = await stat(join(dataDir, "journal"), { bigint: true });
  return `${ino}:${size}`;
}

function format({ epochId, read, tail, journal }: Kept): Buffer {
  const lines = [read, tail].map(({ id, text }) => `${id} ${text}`);
  return encodeLines([`${title} ${journal} ${epochId}`, ...lines]);
}

function parse(bytes: Buffer): Kept | undefined {
  const [first = "", ...lines] = decodeLines(bytes);
  const [name, journal = "", epochId = "", ...more] = first.split(" ");
  const [read, tail, ...others] = lines.map(parseLine);
  if (name !== title || more.length > 0 || others.length > 0) return undefined;
  if (!isSoundEpochId(epochId) || read === undefined || tail === undefined) return undefined;
  return { journal, epochId, read, tail };
}

function parseLine(line = ""): FeedPosition | undefined {
  const [id = "", ...words] = line.split(" ");
  const text = words.join(" ");
  return lineId.test(id) && text.length <= maxTextLength ? { id, text } : undefined;
}
