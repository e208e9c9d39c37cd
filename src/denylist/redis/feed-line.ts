import { randomBytes } from "node:crypto";
import { isSparing } from "../cut.ts";
import { type Entry, hasCutoff } from "../denylist.ts";
import { formatEntry, parseEntry } from "../entry-text.ts";
import { isSoundEpochId } from "../sound.ts";
import type { KeySpace } from "./key-space.ts";
import { maxLineBytes, type StreamLine, type Tail, tailOf } from "./log-line.ts";

/**
 * What is written into a stream: `line` is what sidecars of every version read; `more` has what only those
 * of this form do.
 */
export interface NewLine {
  readonly line: string;
  readonly more: string;
}

/** What a line of the feed says. */
export interface FeedLine {
  readonly tail: Tail;
  readonly entries: readonly Entry[];
  /** A shard has lost data; a sidecar that knows what was there writes it back. */
  readonly lost?: string;
  /** In which line of its own log an entry's shard has it: the shard, and the line. */
  readonly logged?: { readonly shard: string; readonly tail: Tail };
  /** Its entries were announced before they were written. */
  readonly announced: boolean;
  /** It was written by a sidecar of an older form. */
  readonly old: boolean;
  /** What no sidecar writes: it is as if nothing had been said. */
  readonly ignored?: string;
}

const manyVerb = "many";
const maxFields = 4;
/** More than a sidecar puts into one line. */
const maxEntriesOfLine = 1000;
/** Far more than what stands around its entries. */
const maxMarkBytes = 1000;
const marks = { none: "-", announced: "announced", logged: "at" } as const;

/** One entry a line, which every version can read; `announced` if it is written after the line. */
export function entryLine(entry: Entry, { announced = false } = {}): NewLine {
  return singleLine(entry, announced ? marks.announced : marks.none);
}

/** The same for an entry that the log of its own shard has in that line. */
export function loggedLine(entry: Entry, shard: string, tail: Tail): NewLine {
  return singleLine(entry, `${marks.logged} ${shard} ${tail.id} ${tail.text}`);
}

/** What a cut-off spares stands beside it: a sidecar that does not know of that reads one that spares nothing. */
function singleLine({ sparing, ...entry }: Entry, mark: string): NewLine {
  return { line: formatEntry(entry), more: sparing === undefined ? mark : `${mark}\n${sparing}` };
}

/** Many entries in one line, which only sidecars of this form can read. */
export function manyLine(entries: readonly Entry[], { announced = false } = {}): NewLine {
  const more = [announced ? marks.announced : marks.none, ...entries.map(formatEntry)];
  return { line: `${manyVerb} ${newNonce()}`, more: more.join("\n") };
}

/** The same in as many lines as they need: one that is longer than `maxLineBytes` is handed over to no sidecar. */
export function manyLines(entries: readonly Entry[], options = { announced: false }): NewLine[] {
  const parts: Entry[][] = [];
  let left = 0;
  for (const entry of entries) {
    const bytes = formatEntry(entry).length + 1;
    if (bytes > left) {
      parts.push([]);
      left = maxLineBytes - maxMarkBytes;
    }
    parts.at(-1)?.push(entry);
    left -= bytes;
  }
  return parts.map((part) => manyLine(part, options));
}

/** Whether that is the text of a line of many entries. */
export function saysMany(text: string): boolean {
  return text.startsWith(`${manyVerb} `);
}

/** A line of a shard's own log, which says nothing but that it is there. */
export function logLine(): NewLine {
  return { line: `put ${newNonce()}`, more: marks.none };
}

/** Says that a shard has lost data. */
export function lostLine(shard: string): NewLine {
  return { line: `lost ${shard}`, more: marks.none };
}

/** No two lines are alike: one in the place of another is told by its text. */
function newNonce(): string {
  return randomBytes(6).toString("base64url");
}

/**
 * Reads a line of the feed: fields called `line` and, by sidecars of this form, `more`.
 *
 * `isOwn` tells which lines of many entries need not be read: those of this sidecar, which knows what they say.
 */
export function readFeedLine(
  line: StreamLine,
  keys: KeySpace,
  isOwn: (text: string) => boolean = () => false,
): FeedLine {
  const [, fields] = line;
  const said = wordsOf(fields);
  const base = { tail: tailOf(line), entries: [], announced: false, old: false };
  const ignored = () => ({ ...base, ignored: fields.slice(0, maxFields).map(String).join(" ") });
  if (said === undefined) return ignored();
  const { text, more = marks.none } = said;
  const read = { ...base, old: said.more === undefined };
  const entry = parseEntry(text);
  if (entry !== undefined) {
    const mark = firstLineOf(more);
    const entries = [withSparing(entry, more.slice(mark.length + 1))];
    const announced = mark === marks.announced;
    return { ...{ ...read, entries, announced }, ...readLogged(mark, keys) };
  }
  const [verb, what = "", ...rest] = text.split(" ");
  if (rest.length > 0) return ignored();
  if (verb === manyVerb) return isOwn(text) ? read : { ...read, ...readMany(more) };
  if (verb === "lost" && keys.hasShard(what)) return { ...read, lost: what };
  // Sidecars of every form begin epochs with such a line.
  return verb === "epoch" && isSoundEpochId(what) ? { ...read, old: false } : ignored();
}

function withSparing(entry: Entry, sparing: string): Entry {
  return hasCutoff(entry.kind) && isSparing(sparing) ? { ...entry, sparing } : entry;
}

function firstLineOf(text: string): string {
  const end = text.indexOf("\n");
  return end < 0 ? text : text.slice(0, end);
}

function wordsOf(fields: readonly unknown[]): { text: string; more?: string } | undefined {
  const [name, text, moreName, more, ...rest] = fields;
  if (name !== "line" || typeof text !== "string" || rest.length > 0) return undefined;
  if (moreName === undefined) return { text };
  return moreName === "more" && typeof more === "string" ? { text, more } : undefined;
}

/** Many entries; what of them can't be read is told, and that there are more than a sidecar sends. */
function readMany(more: string) {
  const [mark, ...texts] = more.split("\n", maxEntriesOfLine + 2);
  const entries: Entry[] = [];
  let marred = texts.length > maxEntriesOfLine ? more : undefined;
  for (const text of texts) {
    const entry = parseEntry(text);
    if (entry === undefined) marred ??= text;
    else entries.push(entry);
  }
  const announced = mark === marks.announced;
  return { entries, announced, ...(marred !== undefined && { ignored: marred }) };
}

const lineId = /^\d{1,20}-\d{1,20}$/;

function readLogged(mark: string, keys: KeySpace): Pick<FeedLine, "logged"> {
  const [verb, shard = "", id = "", ...text] = mark.split(" ");
  if (verb !== marks.logged || !keys.hasShard(shard) || !lineId.test(id)) return {};
  return { logged: { shard, tail: { id, text: text.join(" ") } } };
}
