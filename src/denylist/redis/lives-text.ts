import { type EpochSeconds, largestToleranceSeconds } from "../../platform/clock.ts";
import { forGood, mergeLives, pruneLives, type RememberedLife } from "../retention.ts";
import { isSoundTime } from "../sound.ts";

/** When a sidecar last said that it needs the last life, in seconds since 1970; 0: unknown. */
interface StoredClaim {
  readonly claimedAt: EpochSeconds;
}

/** Since when the revocations of a store are remembered for how long, as it stands in Redis. */
export interface StoredLives extends StoredClaim {
  readonly lives: readonly RememberedLife[];
}

/** What a sidecar needs of that. */
export interface NeededLives {
  /** Changes that it knows of, whatever has become of Redis. */
  readonly known: readonly RememberedLife[];
  /** For how long its own configuration says that revocations are remembered. */
  readonly ownSeconds: number;
  readonly now: number;
  /** Whether its clock is in doubt. */
  readonly inDoubt: boolean;
}

/**
 * How long before it comes into force a change is written, in seconds: longer than any sidecar goes by what
 * it has read, so that no sidecar remembers for shorter than others accept by.
 */
export const leadSeconds = 60;

/** How long a life stays in force that no sidecar needs any more. */
const claimLastsSeconds = 86_400;
const claimAgainSeconds = 3600;
/** What fits into the text that stands in Redis. */
const maxLives = 24;

/**
 * What of that a sidecar can have written.
 *
 * A life is followed by a shorter one only if no sidecar has needed it for a day. One that has seen another need it within
 * that day knows that such a change is a stranger's, which would have all older tokens refused. One that began before
 * anything known here is believed: a sidecar that was away when Redis lost it may know better (decision 0029).
 */
export function possibleLives(
  lives: readonly RememberedLife[],
  { known, claimedAt, now, inDoubt }: Pick<NeededLives, "known" | "now" | "inDoubt"> & StoredClaim,
): readonly RememberedLife[] {
  const isNeeded = now - claimedAt < claimLastsSeconds - 2 * largestToleranceSeconds;
  const [first] = known;
  if (first === undefined || !isNeeded || inDoubt) return lives;
  return lives.filter(
    (life) =>
      life.from < first.from ||
      life.seconds >= lifeAt(known, life.from) ||
      known.some(({ from, seconds }) => from === life.from && seconds === life.seconds),
  );
}

/** For how long revocations of that moment are remembered. */
function lifeAt(lives: readonly RememberedLife[], moment: EpochSeconds): number {
  return lives.filter(({ from }) => from <= moment).at(-1)?.seconds ?? 0;
}

/** What is to stand in Redis: what stood there, what this sidecar knows, and what it needs. */
export function agreeOnLives(
  { claimedAt, lives: held }: StoredLives,
  { known, ownSeconds, now, inDoubt }: NeededLives,
): StoredLives {
  const lives = bounded(pruneLives(mergeLives(held, known), now));
  const last = lives.at(-1)?.seconds;
  const claimed = { claimedAt: Math.floor(now) };
  if (last === undefined) {
    return { ...claimed, lives: [{ from: Math.ceil(now), seconds: ownSeconds }] };
  }
  // What was lost may have been needed a moment ago.
  if (claimedAt === 0)
    return agreeOnLives({ ...claimed, lives }, { known, ownSeconds, now, inDoubt });
  const isUnclaimed = !inDoubt && now - claimedAt > claimLastsSeconds;
  if (ownSeconds > last || (ownSeconds < last && isUnclaimed)) {
    const change = { from: Math.ceil(now) + leadSeconds, seconds: ownSeconds };
    return { ...claimed, lives: bounded(mergeLives(lives, [change])) };
  }
  const claims = ownSeconds === last && now - claimedAt > claimAgainSeconds;
  return claims ? { ...claimed, lives } : { claimedAt, lives };
}

/** The oldest ones as one, which is as short as the shorter of them. */
function bounded(lives: readonly RememberedLife[]): readonly RememberedLife[] {
  const [first, second, ...rest] = lives;
  if (first === undefined || second === undefined || lives.length <= maxLives) return lives;
  const seconds = Math.min(first.seconds, second.seconds);
  return bounded(mergeLives([{ from: first.from, seconds }], rest));
}

/** As text: when it was claimed, then each change, its beginning and its length. */
export function formatLives({ claimedAt, lives }: StoredLives): string {
  return [claimedAt, ...lives.map(({ from, seconds }) => `${from}:${seconds}`)].join(" ");
}

/** Reads what formatLives wrote; nothing if it is something else, or begins later than any sidecar says. */
export function parseLives(text: string, now: number): StoredLives {
  const [claimed = "", ...changes] = text.split(" ");
  const lives = changes.map(parseLife);
  const latest = now + 2 * leadSeconds + 3600;
  const isSound = lives.every((life) => life !== undefined && life.from <= latest);
  const claimedAt = Number(claimed);
  if (!/^\d{1,10}$/.test(claimed) || claimedAt > latest || !isSound)
    return { claimedAt: 0, lives: [] };
  return {
    claimedAt,
    lives: mergeLives(
      lives.filter((life) => life !== undefined),
      [],
    ),
  };
}

function parseLife(text: string): RememberedLife | undefined {
  const [, from = "", seconds = ""] = /^(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
  const life = { from: Number(from), seconds: Number(seconds) };
  return isSoundTime(life.from) && isSoundTime(life.seconds) && life.seconds <= forGood
    ? life
    : undefined;
}
