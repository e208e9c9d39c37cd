import { StoreUnavailableError } from "../../errors.ts";
import type { EpochSeconds } from "../../platform/clock.ts";
import { type Entry, type EntryName, hasCutoff, isRevocation } from "../denylist.ts";
import { formatTimes, readTimes } from "../entry-text.ts";
import { says } from "../joined-entries.ts";
import { latestSecond } from "../sound.ts";

/** Reads the values of so many names; null is a name that is not there. */
export function readValues(values: unknown, count: number): (string | null)[] {
  if (Array.isArray(values) && values.length === count && values.every(isValue)) return values;
  throw new StoreUnavailableError("redis sent an unexpected answer in place of entry values");
}

function isValue(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

/** Whether the value of an entry's key says all that the entry says; it is read only if it is not just that. */
export function covers(value: string | null, entry: Entry): boolean {
  if (value === null) return false;
  if (value === formatTimes(entry)) return true;
  const held = readTimes(entry, value);
  if (held === undefined) return false;
  return says(held, entry);
}

/** As long as the schema lets any token live: ten years, and some tolerance. */
const maxLifeSeconds = 3651 * 86_400;

/**
 * What is believed of an entry whose value can't be read: by overwriting it a stranger must not make its tokens
 * live again. Cut-offs are made of the moment in which they are made, so one of now is no earlier.
 */
export function unreadableEntry(name: EntryName, now: EpochSeconds): Entry | undefined {
  // To which session the token belongs, or whose the session is, is unknown now.
  if (!isRevocation(name.kind)) return undefined;
  const expiresAt = Math.min(Math.ceil(now) + maxLifeSeconds, latestSecond);
  return { ...name, expiresAt, ...(hasCutoff(name.kind) && { cutoff: Math.floor(now) }) };
}
