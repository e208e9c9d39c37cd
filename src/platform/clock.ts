/** A point in time as tokens state it: whole or fractional seconds since 1970-01-01T00:00:00Z (RFC 7519, NumericDate). */
export type EpochSeconds = number;

/** By how many seconds the clocks of a fleet may differ at most: the largest `tokens.clockTolerance` there is. */
export const largestToleranceSeconds = 300;

/** Where time comes from; tests bring their own. */
export interface Clock {
  /** The time, in seconds with fractions. If the clocks of this machine disagree, the latest of them. */
  nowSeconds(): EpochSeconds;
  /** The earliest that it may be: the same unless clocks disagree. A clock without it is never in doubt. */
  earliestSeconds?(): EpochSeconds;
  /** Why the time is in doubt, for the operator; undefined if it is not. */
  readonly doubt?: string | undefined;
}

/** The earliest that it may be. */
export function earliestSeconds(clock: Clock): EpochSeconds {
  return clock.earliestSeconds?.() ?? clock.nowSeconds();
}

/** The wall clock of the machine, taken at its word. */
export const systemClock: Clock = {
  nowSeconds: () => Date.now() / 1000,
};

/** One point in time as both clocks of a machine have it, in milliseconds. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** Takes the time; tests bring their own. */
export type Stopwatch = () => Moment;

/** The machine's own two clocks. */
export const systemStopwatch: Stopwatch = () => ({
  monotonicMs: performance.now(),
  wallMs: Date.now(),
});

/**
 * How much time has passed between two moments, in milliseconds; never too little.
 *
 * The monotonic clock stands still while the machine is suspended, and the wall clock can be set back:
 * the larger of the two differences is the one to believe.
 */
export function elapsedMs(since: Moment, now: Moment): number {
  return Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs);
}
