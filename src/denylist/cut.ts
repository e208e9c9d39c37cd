import type { EpochSeconds } from "../platform/clock.ts";

/** What a revocation of a subject ends: everything issued up to a second, but what it spares. */
export interface Cut {
  /** Tokens issued at or before this whole second are meant. */
  readonly cutoff: EpochSeconds;
  /** What is spared, as formatSparing writes it; undefined: nothing, up to the end of the second. */
  readonly sparing?: string | undefined;
}

/** A token, or a session, that a cut-off spares. */
export interface Spared {
  /** The beginning of what a revocation would call it: see sparedName. */
  readonly name: string;
  /** When the application handed it out, in microseconds since 1970; 0 if it had been there before. */
  readonly handedOutUs: number;
  /** Only what was issued after that second is spared: an earlier cut-off did not spare it. */
  readonly after: EpochSeconds;
}

/** What a cut-off spares, and when within its second it was made. */
export interface Sparing {
  /** Microseconds since the second of the cut-off began. */
  readonly madeUs: number;
  readonly spared: readonly Spared[];
}

/** How many names a cut-off can spare. */
export const maxSpared = 24;

/** The longest text of what a cut-off spares, in characters. */
export const maxSparingLength = 6 + maxSpared * (1 + 22 + 1 + 16 + 1 + 10);

/** 132 bits of a name are enough to know it by, and half as long. */
export function sparedName(value: string): string {
  return value.slice(0, 22);
}

const sparingText = new RegExp(
  `^\\d{1,6}(?:;[A-Za-z0-9_-]{22}/\\d{1,16}/\\d{1,10}){0,${maxSpared}}$`,
);

/** Whether that is the text of what a cut-off spares. */
export function isSparing(text: string): boolean {
  return text.length <= maxSparingLength && sparingText.test(text);
}

/**
 * What is spared in one word: the microseconds, and for each name `;name/handedOutUs/after`, in the order of the
 * names. Of more names than a cut-off can spare, those that were handed out last are.
 */
export function formatSparing({ madeUs, spared }: Sparing): string {
  const latest = [...spared].sort((a, b) => b.handedOutUs - a.handedOutUs).slice(0, maxSpared);
  const words = latest.map(({ name, handedOutUs, after }) => `;${name}/${handedOutUs}/${after}`);
  return `${madeUs}${words.sort().join("")}`;
}

/** Reads what formatSparing wrote. */
export function parseSparing(text: string | undefined): Sparing {
  // Without it, nothing within the second is later.
  if (text === undefined) return { madeUs: 1_000_000, spared: [] };
  const [madeUs, ...words] = text.split(";");
  const spared = words.map((word) => {
    const [name = "", handedOutUs, after] = word.split("/");
    return { name, handedOutUs: Number(handedOutUs), after: Number(after) };
  });
  return { madeUs: Number(madeUs), spared };
}

/** The second after which a token with one of these names is spared; undefined if it is not. */
export function sparedAfter(sparing: string, names: readonly string[]): EpochSeconds | undefined {
  const sought = names.map(sparedName);
  if (!sought.some((name) => sparing.includes(name))) return undefined;
  const found = parseSparing(sparing).spared.filter(({ name }) => sought.includes(name));
  return found.length === 0 ? undefined : Math.min(...found.map(({ after }) => after));
}

/**
 * What two revocations of one subject end together: whatever one of them ends.
 *
 * The later cut-off holds, and spares what it names. What the earlier one did not spare it had ended, unless it was
 * handed out after that: of such a name only what was issued behind the earlier cut-off is spared.
 */
export function joinCuts(one: Cut, other: Cut): Cut {
  const [earlier, later] = isBefore(one, other) ? [one, other] : [other, one];
  const { cutoff } = later;
  if (later.sparing === undefined) return { cutoff };
  const { madeUs, spared } = parseSparing(later.sparing);
  const before = new Map(parseSparing(earlier.sparing).spared.map((each) => [each.name, each]));
  const endedUs = momentOf(earlier);
  const joined = spared.map((each): Spared => {
    const known = before.get(each.name);
    if (known !== undefined) {
      const handedOutUs = Math.max(known.handedOutUs, each.handedOutUs);
      return { ...each, handedOutUs, after: Math.max(known.after, each.after) };
    }
    if (each.handedOutUs > endedUs) return each;
    return { ...each, after: Math.max(each.after, earlier.cutoff) };
  });
  const left = joined.filter(({ after }) => after < cutoff);
  return { cutoff, sparing: formatSparing({ madeUs, spared: left }) };
}

/** Whether a cut-off ends all that another one does. */
export function endsAll(one: Cut, other: Cut): boolean {
  if (one.sparing === undefined && other.sparing === undefined) return one.cutoff >= other.cutoff;
  const { cutoff, sparing } = joinCuts(other, one);
  return cutoff === one.cutoff && withoutTimes(sparing) === withoutTimes(one.sparing);
}

/** When something was handed out says nothing of what ends. */
function withoutTimes(sparing: string | undefined): string | undefined {
  return sparing?.replace(/\/\d+\//g, "/");
}

/** Whether a cut-off counts as the earlier one; of two in one moment, each ends what only the other one spares. */
function isBefore(one: Cut, other: Cut): boolean {
  return (momentOf(one) - momentOf(other) || one.cutoff - other.cutoff) < 0;
}

/** When a cut-off was made, in microseconds since 1970. */
function momentOf({ cutoff, sparing }: Cut): number {
  return Math.ceil(cutoff) * 1_000_000 + parseSparing(sparing).madeUs;
}
