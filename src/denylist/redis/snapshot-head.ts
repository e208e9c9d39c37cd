import { isSoundEpochId, isSoundTime } from "../sound.ts";
import type { Tail } from "./log-line.ts";

/**
 * What a snapshot is: everything that the store held when a line of the feed was written, in parts.
 *
 * It is good in one epoch, as long as the feed has that line: what came after it is read from there.
 */
export interface SnapshotHead {
  readonly epochId: string;
  /** What its parts are called by: those of another one have other names. */
  readonly id: string;
  readonly parts: number;
  /** Entries of the parts that were written first, and of all. */
  readonly firstEntries: number;
  readonly entries: number;
  /** When the first part was written, in seconds since 1970. */
  readonly madeAt: number;
  /** It lacks revocations with deadlines up to then, which were over for its writer, in seconds since 1970. */
  readonly lacksUntil: number;
  readonly tail: Tail;
}

/** More parts than any snapshot has. */
const maxParts = 100_000;
const maxHeadBytes = 400;
const maxEntries = 1e9;
const snapshotId = /^[A-Za-z0-9_-]{8}$/;
const lineId = /^\d{1,20}-\d{1,20}$/;
const wholeNumber = /^\d{1,10}$/;

/** In words, the text of the line last. */
export function formatHead(head: SnapshotHead): string {
  const { epochId, id, parts, firstEntries, entries, madeAt, lacksUntil, tail } = head;
  const numbers = [parts, firstEntries, entries, madeAt, lacksUntil];
  return [epochId, id, ...numbers, tail.id, tail.text].join(" ");
}

/** Reads what formatHead wrote; undefined if it is nothing of the kind. */
export function parseHead(text: string): SnapshotHead | undefined {
  if (text.length > maxHeadBytes) return undefined;
  const [epochId = "", id = "", ...rest] = text.split(" ");
  const numbers = rest.slice(0, 5).map((word) => (wholeNumber.test(word) ? Number(word) : -1));
  const [parts = -1, firstEntries = -1, entries = -1, madeAt = -1, lacksUntil = -1] = numbers;
  const [line = "", ...words] = rest.slice(5);
  if (!isSoundEpochId(epochId) || !snapshotId.test(id) || !lineId.test(line)) return undefined;
  if (parts < 1 || parts > maxParts || firstEntries < 0) return undefined;
  if (entries < firstEntries || entries > maxEntries) return undefined;
  if (!isSoundTime(madeAt) || !isSoundTime(lacksUntil)) return undefined;
  const tail = { id: line, text: words.join(" ") };
  return { epochId, id, parts, firstEntries, entries, madeAt, lacksUntil, tail };
}
