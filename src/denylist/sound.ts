import { isBeginning } from "./beginning.ts";
import { isSparing } from "./cut.ts";
import { type Entry, type EntryName, entryKinds, hasCutoff } from "./denylist.ts";

/**
 * What an entry, its name and its times may be, wherever they come from: a client, the journal, Redis or
 * the control socket. Whatever is read is checked by these rules, and so is whatever is written to the
 * journal: what cannot be read again must not get into it.
 */

/** The latest expiry or cut-off, in seconds since 1970: the last of the table's 32 bits, in the year 2106. */
export const latestSecond = 2 ** 32 - 1;

/** The largest number of an intent; whole numbers up to twice this are exact. */
export const maxIntentId = 2 ** 52;

/** What a name's value is made of, by the code of each character. */
const isBase64url = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
  isBase64url[character.charCodeAt(0)] = 1;
}

/**
 * Whether that can be the value of a name: 256 bits in base64url, without padding.
 *
 * One by one: a load asks this a million times, and a regular expression takes longer than all the rest of a line.
 */
function isNameValue(text: string): boolean {
  if (text.length !== 43) return false;
  for (let at = 0; at < 43; at += 1) if (isBase64url[text.charCodeAt(at)] !== 1) return false;
  return true;
}

const shard = /^[A-Za-z0-9_-]{0,16}$/;
const epochId = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether that can be the name of a revocation. */
export function isSoundName({ kind, value }: EntryName): boolean {
  return entryKinds.includes(kind) && isNameValue(value);
}

/** Whether that is a moment, in seconds since 1970, that an entry can have. */
export function isSoundTime(seconds: number): boolean {
  return seconds > 0 && seconds <= latestSecond;
}

/** Whether that can be a revocation. */
export function isSoundEntry(entry: Entry): boolean {
  return isSoundName(entry) && hasSoundTimes(entry);
}

/** Whether an entry can have such times: a cut-off belongs to those of subjects, and to no other. */
export function hasSoundTimes(entry: Entry): boolean {
  const { kind, expiresAt, cutoff, sparing } = entry;
  if (!isSoundTime(expiresAt) || !hasSoundFacts(entry)) return false;
  if (sparing !== undefined && !(hasCutoff(kind) && isSparing(sparing))) return false;
  return hasCutoff(kind) ? cutoff !== undefined && isSoundCutoff(cutoff) : cutoff === undefined;
}

/** Whether an entry has what belongs to one of its kind, if that is no revocation. */
function hasSoundFacts({ kind, session, beginning }: Entry): boolean {
  const isLinked = session !== undefined && isNameValue(session);
  const isBegun = beginning !== undefined && isBeginning(beginning);
  return (
    (kind === "lnk" ? isLinked : session === undefined) &&
    (kind === "ses" ? isBegun : beginning === undefined)
  );
}

/** Whether that can be the number of an intent. */
export function isSoundIntentId(id: number): boolean {
  return Number.isInteger(id) && id > 0 && id <= maxIntentId;
}

/** Whether a part of the store and its epoch can be called that. */
export function isSoundShard(name: string): boolean {
  return shard.test(name);
}

/** Whether an epoch can be called that. */
export function isSoundEpochId(id: string): boolean {
  return epochId.test(id);
}

/** A cut-off may be the beginning of time, which no token was issued before. */
function isSoundCutoff(seconds: number): boolean {
  return seconds >= 0 && seconds <= latestSecond;
}
