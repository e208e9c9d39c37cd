import { crc32 } from "node:zlib";
import { type Entry, type EntryKind, entryKinds } from "./denylist.ts";

/** The first line of every journal: what the file is, and in which form its lines are. */
export const journalTitle = "revgate-journal 1\n";

/**
 * What one line of the journal says.
 *
 * `intent`: a request that would revoke this entry is about to be forwarded; `settled`: what became of
 * the intent of that number is known. An intent without its settlement is an outcome nobody knows.
 */
export type JournalRecord =
  | { readonly verb: "revoked"; readonly entry: Entry }
  | { readonly verb: "intent"; readonly id: number; readonly entry: Entry }
  | { readonly verb: "settled"; readonly id: number };

/**
 * One line a record: the CRC-32 of what follows in eight hexadecimal digits, a space, the record.
 *
 *     5d1c9a3e revoked tok mJ1s…(43 characters) 1764000000
 *     91b02c77 intent 17 tok mJ1s… 1764000000
 *     0ac3d1f2 settled 17
 */
export function formatRecord(record: JournalRecord): string {
  const text = textOf(record);
  return `${checksum(text)} ${text}\n`;
}

function textOf(record: JournalRecord): string {
  switch (record.verb) {
    case "revoked":
      return `revoked ${entryText(record.entry)}`;
    case "intent":
      return `intent ${record.id} ${entryText(record.entry)}`;
    case "settled":
      return `settled ${record.id}`;
  }
}

/** Reads one line (without its line feed), or returns undefined where it is not a whole record. */
export function parseRecord(line: string): JournalRecord | undefined {
  const text = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(text)) return undefined;
  const [verb, ...words] = text.split(" ");
  switch (verb) {
    case "revoked":
      return withEntry(words, (entry) => ({ verb, entry }));
    case "intent":
      return withId(words, (id, rest) => withEntry(rest, (entry) => ({ verb, id, entry })));
    case "settled":
      return withId(words, (id, rest) => (rest.length === 0 ? { verb, id } : undefined));
    default:
      return undefined;
  }
}

function entryText({ kind, value, expiresAt }: Entry): string {
  return `${kind} ${value} ${Math.ceil(expiresAt)}`;
}

const wholeNumber = /^\d+$/;

function withEntry<T>(words: readonly string[], make: (entry: Entry) => T): T | undefined {
  const [kind, value, expiresAt = "", ...more] = words;
  if (!isEntryKind(kind) || value === undefined || more.length > 0) return undefined;
  if (!wholeNumber.test(expiresAt)) return undefined;
  return make({ kind, value, expiresAt: Number(expiresAt) });
}

function withId<T>(words: readonly string[], make: (id: number, rest: string[]) => T) {
  const [id = "", ...rest] = words;
  return wholeNumber.test(id) ? make(Number(id), rest) : undefined;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function isEntryKind(text: string | undefined): text is EntryKind {
  return entryKinds.some((kind) => kind === text);
}
