import { crc32 } from "node:zlib";
import { type Entry, type EntryKind, entryKinds } from "./denylist.ts";

/** The first line of every journal: what the file is, and in which form its lines are. */
export const journalTitle = "revgate-journal 1\n";

/**
 * One line a record: the CRC-32 of what follows in eight hexadecimal digits, a space, the record.
 *
 *     5d1c9a3e revoked tok mJ1s…(43 characters) 1764000000
 */
export function formatRevoked({ kind, value, expiresAt }: Entry): string {
  const record = `revoked ${kind} ${value} ${Math.ceil(expiresAt)}`;
  return `${checksum(record)} ${record}\n`;
}

/** Reads one line (without its line feed), or returns undefined where it is not a whole record. */
export function parseRevoked(line: string): Entry | undefined {
  const record = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(record)) return undefined;
  const [verb, kind, value, expiresAt, ...more] = record.split(" ");
  if (verb !== "revoked" || value === undefined || more.length > 0) return undefined;
  if (!isEntryKind(kind) || !/^\d+$/.test(expiresAt ?? "")) return undefined;
  return { kind, value, expiresAt: Number(expiresAt) };
}

function checksum(record: string): string {
  return crc32(record).toString(16).padStart(8, "0");
}

function isEntryKind(text: string | undefined): text is EntryKind {
  return entryKinds.some((kind) => kind === text);
}
