import { type Entry, type EntryKind, type EntryName, entryKinds } from "./denylist.ts";
import { hasSoundTimes, isSoundName } from "./sound.ts";

/**
 * An entry in words, as in the journal and in the feed: kind, value, expiry, and a cut-off with what
 * it spares if it has one.
 */
export function formatEntry(entry: Entry): string {
  return `${entry.kind} ${entry.value} ${formatTimes(entry)}`;
}

/**
 * Reads what formatEntry wrote; undefined if it is no revocation, by name, times or form.
 *
 * By positions, since a load reads millions: a kind has three letters, a value 43.
 */
export function parseEntry(text: string): Entry | undefined {
  if (text[kindLength] !== " " || text[timesAt - 1] !== " ") return undefined;
  const kind = entryKinds.find((each) => text.startsWith(each));
  if (kind === undefined) return undefined;
  const name = { kind, value: text.slice(kindLength + 1, timesAt - 1) };
  return isSoundName(name) ? readTimes(name, text.slice(timesAt)) : undefined;
}

const kindLength = 3;
const timesAt = kindLength + 1 + 43 + 1;

/** The times of an entry in words: its expiry, and its cut-off, with what that spares, its session, or its beginning. */
export function formatTimes({ expiresAt, cutoff, sparing, ...facts }: Entry): string {
  const expiry = String(Math.ceil(expiresAt));
  const fact = facts.session ?? facts.beginning;
  if (fact !== undefined) return `${expiry} ${fact}`;
  if (cutoff === undefined) return expiry;
  const cut = `${expiry} ${Math.ceil(cutoff)}`;
  return sparing === undefined ? cut : `${cut} ${sparing}`;
}

/** The entry of a sound name with times that formatTimes wrote; undefined if it can be no revocation. */
export function readTimes({ kind, value }: EntryName, text: string): Entry | undefined {
  const space = text.indexOf(" ");
  const expiresAt = readTime(space < 0 ? text : text.slice(0, space));
  if (expiresAt === undefined) return undefined;
  if (space < 0) return soundOnly({ kind, value, expiresAt });
  if (kind === "lnk") return soundOnly({ kind, value, expiresAt, session: text.slice(space + 1) });
  if (kind === "ses") {
    return soundOnly({ kind, value, expiresAt, beginning: text.slice(space + 1) });
  }
  const next = text.indexOf(" ", space + 1);
  const cutoff = readTime(text.slice(space + 1, next < 0 ? undefined : next));
  if (cutoff === undefined) return undefined;
  const entry = { kind, value, expiresAt, cutoff };
  return soundOnly(next < 0 ? entry : { ...entry, sparing: text.slice(next + 1) });
}

function soundOnly(entry: Entry): Entry | undefined {
  return hasSoundTimes(entry) ? entry : undefined;
}

/** As many digits as the largest number that is read has. */
const wholeNumber = /^\d{1,16}$/;

/** Whole seconds since 1970. */
function readTime(text: string): number | undefined {
  return wholeNumber.test(text) ? Number(text) : undefined;
}

/** Whether that is one of the kinds. */
export function isEntryKind(text: string | undefined): text is EntryKind {
  return entryKinds.some((kind) => kind === text);
}
