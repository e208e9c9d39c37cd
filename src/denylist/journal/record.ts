import type { EpochSeconds } from "../../platform/clock.ts";
import type { Entry, EntryName } from "../denylist.ts";
import { formatEntry, isEntryKind, parseEntry } from "../entry-text.ts";
import type { RememberedLife } from "../retention.ts";
import {
  isSoundEntry,
  isSoundEpochId,
  isSoundIntentId,
  isSoundName,
  isSoundShard,
  isSoundTime,
} from "../sound.ts";
import { decodeLines, encodeLines } from "./checked-lines.ts";

/**
 * The versions of the journal that can be read. In version 1 an entry ended with its token and the
 * tolerance of that time; from 2 on its deadline stands in it (retention.ts).
 */
export type JournalVersion = 1 | 2;

/** The first line of a journal: what the file is, and in which form its lines are. */
export function titleOf(version: JournalVersion): string {
  return `revgate-journal ${version}\n`;
}

/** The first line of every journal that is written. */
export const journalTitle = titleOf(2);

/**
 * What one line of the journal says.
 *
 * `revoked`: an entry of this sidecar's own; `shared`: one that Redis has; `acked`: Redis has that
 * revoked one now. `known`: all shared ones of a part of the store are there under that epoch of it.
 * `intent`: a request that would revoke this entry is about to be forwarded; `settled`: what became of
 * the intent of that number is known. An intent without its settlement is an unknown outcome.
 * `lifetime`: from then on revocations of a session, a subject or a `jti` are remembered for so many
 * seconds. `swept`: revocations with deadlines up to then were over, and have been left out of the file.
 */
export type JournalRecord =
  | { readonly verb: "revoked" | "shared"; readonly entry: Entry }
  | { readonly verb: "acked"; readonly name: EntryName }
  | { readonly verb: "known"; readonly shard: string; readonly epoch: string }
  | { readonly verb: "intent"; readonly id: number; readonly entry: Entry }
  | { readonly verb: "settled"; readonly id: number }
  | { readonly verb: "swept"; readonly until: EpochSeconds }
  | { readonly verb: "lifetime"; readonly life: RememberedLife };

/**
 * A line of the journal as it is read: a record, or one that was written whole and cannot be one, such as
 * an expiry of `1e+21`. It is `ignored`: it says nothing that a token could be refused by.
 */
export type ReadRecord = JournalRecord | { readonly verb: "ignored"; readonly text: string };

/**
 * One line a record: the CRC-32 of what follows in eight hexadecimal digits, a space, the record.
 *
 *     5d1c9a3e revoked tok mJ1s…(43 characters) 1764000000
 *     c2014e8b revoked sub 9sKd… 1764000000 1763990000
 *     77a0b1c4 acked tok mJ1s…
 *     1f70a2de revoked+ sub 9sKd… 1764000000 1763990000 120;mJ1s…(22 characters)/0/0
 *     91b02c77 intent 17 tok mJ1s… 1764000000
 *     0ac3d1f2 settled 17
 */
export function formatRecords(records: readonly JournalRecord[]): Buffer {
  return encodeLines(records.map(textOf));
}

/** The line of one record. */
export function formatRecord(record: JournalRecord): string {
  return formatRecords([record]).toString();
}

function textOf(record: JournalRecord): string {
  switch (record.verb) {
    case "revoked":
    case "shared":
      return `${verbFor(record.verb, record.entry)} ${formatEntry(record.entry)}`;
    case "acked":
      return `acked ${record.name.kind} ${record.name.value}`;
    case "known":
      return `known ${record.shard} ${record.epoch}`;
    case "intent":
      return `${verbFor(record.verb, record.entry)} ${record.id} ${formatEntry(record.entry)}`;
    case "settled":
      return `settled ${record.id}`;
    case "swept":
      return `swept ${Math.ceil(record.until)}`;
    case "lifetime":
      return `lifetime ${record.life.from} ${record.life.seconds}`;
  }
}

/**
 * A cut-off that spares something has a verb of its own, and so have links: a revgate that does not know what that
 * means has to stop, since it would end nothing.
 */
function verbFor(verb: "revoked" | "shared" | "intent", entry: Entry): string {
  const { sparing, session, beginning } = entry;
  return (sparing ?? session ?? beginning) === undefined ? verb : `${verb}${laterSuffix}`;
}

const laterSuffix = "+";

/** Whether a record can be read again once it is written; no other may get into a journal. */
export function isSound(record: JournalRecord): boolean {
  switch (record.verb) {
    case "revoked":
    case "shared":
      return isSoundEntry(record.entry);
    case "acked":
      return isSoundName(record.name);
    case "known":
      return isSoundShard(record.shard) && isSoundEpochId(record.epoch);
    case "intent":
      return isSoundIntentId(record.id) && isSoundEntry(record.entry);
    case "settled":
      return isSoundIntentId(record.id);
    case "swept":
      return isSoundTime(record.until);
    case "lifetime":
      return isSoundTime(record.life.from) && isSoundTime(record.life.seconds);
  }
}

/** Whether a record says of an entry that it is revoked, and will be for a while. */
export function isLive(
  record: ReadRecord,
  now: EpochSeconds,
): record is JournalRecord & { verb: "revoked" | "shared" } {
  return (record.verb === "revoked" || record.verb === "shared") && record.entry.expiresAt > now;
}

/** Reads one line without its line feed; undefined if it is damaged, or as parseText. */
export function parseRecord(line: string): ReadRecord | undefined {
  const [text] = decodeLines(Buffer.from(`${line}\n`, "latin1"));
  return text === undefined ? undefined : parseText(text);
}

/**
 * Reads the text of a line that is whole; undefined if it has a verb of another version.
 *
 * What was written like that, and cannot be a record, is `ignored`.
 */
export function parseText(text: string): ReadRecord | undefined {
  const space = text.indexOf(" ");
  const word = space < 0 ? text : text.slice(0, space);
  const verb = verbs.find((each) => each === word) ?? laterVerbs.get(word);
  if (verb === undefined) return undefined;
  return parseWords(verb, text.slice(word.length + 1)) ?? { verb: "ignored", text };
}

const verbs = [
  "revoked",
  "shared",
  "acked",
  "known",
  "intent",
  "settled",
  "swept",
  "lifetime",
] as const;

const laterVerbs = new Map(
  (["revoked", "shared", "intent"] as const).map((verb) => [`${verb}${laterSuffix}`, verb]),
);

/** Reads what comes behind a verb; undefined if it can be no record. */
function parseWords(verb: JournalRecord["verb"], text: string): JournalRecord | undefined {
  // Nearly every record is one of these, and what is read of an entry is sound.
  if (verb === "revoked" || verb === "shared") {
    const entry = parseEntry(text);
    return entry && { verb, entry };
  }
  const record = parseOther(verb, text);
  return record !== undefined && isSound(record) ? record : undefined;
}

function parseOther(
  verb: Exclude<JournalRecord["verb"], "revoked" | "shared">,
  text: string,
): JournalRecord | undefined {
  const words = text.split(" ");
  switch (verb) {
    case "acked":
      return withName(words, (name, rest) => (rest.length === 0 ? { verb, name } : undefined));
    case "known": {
      const [shard, epoch, ...rest] = words;
      if (shard === undefined || epoch === undefined || rest.length > 0) return undefined;
      return { verb, shard, epoch };
    }
    case "intent":
      return withId(words, (id, rest) => {
        const entry = parseEntry(rest.join(" "));
        return entry && { verb, id, entry };
      });
    case "settled":
      return withId(words, (id, rest) => (rest.length === 0 ? { verb, id } : undefined));
    case "swept":
      return withId(words, (until, rest) => (rest.length === 0 ? { verb, until } : undefined));
    case "lifetime":
      return withId(words, (from, rest) =>
        withId(rest, (seconds, more) =>
          more.length === 0 ? { verb, life: { from, seconds } } : undefined,
        ),
      );
  }
}

/** As many digits as the largest number that is read has. */
const wholeNumber = /^\d{1,16}$/;

function withName<T>(words: readonly string[], make: (name: EntryName, rest: string[]) => T) {
  const [kind, value, ...rest] = words;
  return isEntryKind(kind) && value !== undefined ? make({ kind, value }, rest) : undefined;
}

function withId<T>(words: readonly string[], make: (id: number, rest: string[]) => T) {
  const [id = "", ...rest] = words;
  return wholeNumber.test(id) ? make(Number(id), rest) : undefined;
}
