/** A point in time as tokens state it: whole or fractional seconds since 1970-01-01T00:00:00Z (RFC 7519, NumericDate). */
export type EpochSeconds = number;

/** Where time comes from; tests bring their own. */
export interface Clock {
  /** Wall-clock time in seconds, with fractions. */
  nowSeconds(): EpochSeconds;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowSeconds: () => Date.now() / 1000,
};
