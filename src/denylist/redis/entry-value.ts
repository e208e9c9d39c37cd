import { StoreUnavailableError } from "../../errors.ts";
import type { EpochSeconds } from "../../platform/clock.ts";
import { type Entry, type EntryName, hasCutoff } from "../denylist.ts";
import { parseEntry } from "../journal/record.ts";
import { latestSecond } from "../sound.ts";

/** The values that came with a reading of a state, one a name; null is a name that is not there. */
export function readValues(reply: unknown, count: number): (string | null)[] {
  const [, values] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (Array.isArray(values) && values.length === count && values.every(isValue)) return values;
  throw new StoreUnavailableError("redis answers something else than the values of entries");
}

function isValue(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

/** Reads the value of an entry's key; undefined if none of ours can have written it. */
export function readValue({ kind, value: hash }: EntryName, value: string): Entry | undefined {
  return parseEntry(`${kind} ${hash} ${value}`);
}

/** As long as the schema lets any token live: ten years, and some tolerance. */
const longestLifeSeconds = 3651 * 86_400;

/**
 * What is believed of an entry whose value can't be read: whoever overwrote it must not have made its tokens
 * live again. Cut-offs are made of the moment in which they are made, so one of now is no earlier.
 */
export function unreadableEntry(name: EntryName, now: EpochSeconds): Entry {
  const expiresAt = Math.min(Math.ceil(now) + longestLifeSeconds, latestSecond);
  return { ...name, expiresAt, ...(hasCutoff(name.kind) && { cutoff: Math.floor(now) }) };
}
