import { type EpochSeconds, largestToleranceSeconds } from "../platform/clock.ts";
import { largestOf, smallestOf } from "../platform/extremes.ts";

/**
 * How much longer than a token's `exp` its revocation is kept, in seconds (decision 0029).
 *
 * The largest tolerance three times: the sidecar that accepts the token may do so that much longer than its `exp`;
 * its clock may lag by as much; and the clock of the one that keeps the revocation may be ahead by as
 * much. It depends on no configuration, so that no change of one revives a token.
 */
export const keptBeyondSeconds = 3 * largestToleranceSeconds;

/** From some moment on, revocations that do not name a single token are remembered for so long. */
export interface RememberedLife {
  readonly from: EpochSeconds;
  readonly seconds: number;
}

/** For good: no token has an `exp` so late. */
export const forGood = 2 ** 32 - 1;

/** Until when a revocation is kept that ends tokens which exist now and live for at most so many seconds. */
export function endOfAllIssued(now: EpochSeconds, seconds: number): EpochSeconds {
  // A token may live longer than that by the tolerance, and be issued that much ahead of this clock.
  const end = Math.ceil(now) + seconds + 2 * largestToleranceSeconds + keptBeyondSeconds;
  return Math.min(end, forGood);
}

/**
 * For how long revocations of a session, a subject or a `jti` have been remembered since when, oldest first.
 *
 * `tokens.maxLifetime` says it, and may change. A token that is older than a change could have been ended
 * before it, and that be forgotten as it was due then: it is held to the limit of that time.
 */
export class RememberedLives {
  #lives: readonly RememberedLife[] = [];

  /** The first holds for all times before it, too: of those nothing is known. */
  get list(): readonly RememberedLife[] {
    return this.#lives;
  }

  /** Follows a change that was recorded. */
  add(life: RememberedLife): void {
    this.#lives = mergeLives(this.#lives, [life]);
  }

  /** Notes that it is so long from now on; undefined if it was before. */
  change(seconds: number, now: EpochSeconds): RememberedLife | undefined {
    if (this.#lives.at(-1)?.seconds === seconds) return undefined;
    const life = { from: Math.ceil(now), seconds };
    this.#lives = mergeLives(pruneLives(this.#lives, now), [life]);
    return life;
  }

  /** Follows changes that were agreed on elsewhere; returns those that were not known here. */
  adopt(lives: readonly RememberedLife[], now: EpochSeconds): readonly RememberedLife[] {
    const before = this.#lives;
    this.#lives = pruneLives(mergeLives(before, lives), now);
    return this.#lives.filter((life) => !before.some((known) => isSameLife(known, life)));
  }

  /** The longest that anybody's revocations of now have to be remembered for; 0 if nothing is known. */
  longest(now: EpochSeconds): number {
    const counts = this.#lives.filter((_, index) => endOf(this.#lives, index) >= now);
    return Math.max(
      0,
      largestOf(counts, ({ seconds }) => seconds),
    );
  }

  /**
   * The latest `exp` with which a token that was issued then can be accepted: whenever it may have been
   * ended since, that is still remembered. Without `issuedAt` it may have been issued at any time.
   */
  latestExpiry(issuedAt: EpochSeconds = Number.NEGATIVE_INFINITY): EpochSeconds {
    const ends = this.#lives.flatMap(({ from, seconds }, index) => {
      if (seconds >= forGood || endOf(this.#lives, index) < issuedAt) return [];
      return [(index === 0 ? issuedAt : Math.max(issuedAt, from)) + seconds];
    });
    return smallestOf(ends);
  }
}

/** Two histories of one store as one, in order; what changes nothing is left out. */
export function mergeLives(
  some: readonly RememberedLife[],
  others: readonly RememberedLife[],
): readonly RememberedLife[] {
  const all = [...some, ...others].sort((a, b) => a.from - b.from || a.seconds - b.seconds);
  return all.filter(({ seconds }, index) => all[index - 1]?.seconds !== seconds);
}

/** Without the limits that concern no token which could still be accepted. */
export function pruneLives(
  lives: readonly RememberedLife[],
  now: EpochSeconds,
): readonly RememberedLife[] {
  const longest = largestOf(lives, ({ seconds }) => seconds);
  return lives.filter((_, index) => endOf(lives, index) + longest + keptBeyondSeconds >= now);
}

function isSameLife(one: RememberedLife, other: RememberedLife): boolean {
  return one.from === other.from && one.seconds === other.seconds;
}

/** Until when a limit held: by any clock of the fleet. */
function endOf(lives: readonly RememberedLife[], index: number): EpochSeconds {
  const next = lives[index + 1];
  return next === undefined ? Number.POSITIVE_INFINITY : next.from + largestToleranceSeconds;
}
