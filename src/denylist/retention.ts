import { type EpochSeconds, largestToleranceSeconds } from "../platform/clock.ts";

/**
 * How much longer than a token's `exp` its revocation is kept, in seconds (decision 0029).
 *
 * The largest tolerance three times: whoever accepts the token may do so that much longer than its `exp`;
 * his clock may be behind by as much; and the clock of whoever keeps the revocation may be ahead by as
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

/**
 * For how long revocations of a session, a subject or a `jti` have been remembered since when, oldest first.
 *
 * `tokens.maxLifetime` says it, and may change. A token that is older than a change could have been ended
 * before it, and that be forgotten as it was due then: it is held to the limit of that time.
 */
export class RememberedLives {
  #lives: RememberedLife[] = [];

  /** The first holds for all times before it, too: nobody knows better. */
  get list(): readonly RememberedLife[] {
    return this.#lives;
  }

  /** Follows a change that was recorded. */
  add(life: RememberedLife): void {
    this.#lives.push(life);
  }

  /** Notes that it is so long from now on; undefined if it was before. */
  change(seconds: number, now: EpochSeconds): RememberedLife | undefined {
    if (this.#lives.at(-1)?.seconds === seconds) return undefined;
    const life = { from: Math.ceil(now), seconds };
    this.#lives = [...this.#lives.filter((_, index) => !this.#isOver(index, now)), life];
    return life;
  }

  /**
   * The latest `exp` with which a token that was issued then can be accepted: whenever it may have been
   * ended since, that is still remembered. Without `issuedAt` it may have been issued at any time.
   */
  latestExpiry(issuedAt: EpochSeconds = Number.NEGATIVE_INFINITY): EpochSeconds {
    const ends = this.#lives.flatMap(({ from, seconds }, index) => {
      if (seconds >= forGood || this.#endOf(index) < issuedAt) return [];
      return [(index === 0 ? issuedAt : Math.max(issuedAt, from)) + seconds];
    });
    return Math.min(...ends, Number.POSITIVE_INFINITY);
  }

  /** Until when a limit held: by any clock of the fleet. */
  #endOf(index: number): EpochSeconds {
    const next = this.#lives[index + 1];
    return next === undefined ? Number.POSITIVE_INFINITY : next.from + largestToleranceSeconds;
  }

  /** Whether no token that is as old can be accepted any more. */
  #isOver(index: number, now: EpochSeconds): boolean {
    const longest = Math.max(...this.#lives.map(({ seconds }) => seconds));
    return this.#endOf(index) + longest + keptBeyondSeconds < now;
  }
}
