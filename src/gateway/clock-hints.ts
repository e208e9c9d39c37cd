import { type FieldLines, fieldValues } from "../http/field-lines.ts";
import type { AnchoredClock } from "../platform/anchored-clock.ts";
import type { EpochSeconds } from "../platform/clock.ts";

/** Where a hint comes from: a token's `iat`, or the `Date` of the application's responses. */
export const clockHintSources = ["iat", "date"] as const;
/** One of them. */
export type ClockHintSource = (typeof clockHintSources)[number];

/** Signs that this machine's clock is wrong, or that of an issuer or of the application. */
export interface ClockHints {
  /** Whether a token says that it was issued in the future; looked at once a second at most. */
  isAhead(issuedAt: EpochSeconds | undefined): boolean;
  /** Counts such a token. Only one whose signature is right: a forged one says nothing of any clock. */
  sawIssuedAhead(issuedAt: EpochSeconds): void;
  /** Looks at a response's `Date`, one response in five seconds. `nowMs`: the monotonic clock. */
  sawResponse(headers: FieldLines, nowMs: number): void;
}

/** What the hints are measured by, and who is told. */
export interface ClockHintsOptions {
  readonly clock: Pick<AnchoredClock, "nowSeconds" | "doubt" | "toleranceSeconds">;
  /** Told of each: by how many seconds the other clock is ahead of this one; negative if it lags. */
  readonly onHint: (source: ClockHintSource, aheadSeconds: number) => void;
}

const datesEveryMs = 5000;
const tokensEveryMs = 1000;
/** A `Date` is whole seconds, and may have been made a moment before it was sent. */
const dateErrorSeconds = 2;

/**
 * Looks for signs of a wrong clock that no comparison of this machine's own clocks can find: one that was wrong
 * from the start. They prove nothing, so nothing follows but a count and a warning.
 */
export function createClockHints({ clock, onHint }: ClockHintsOptions): ClockHints {
  // A clock that is known to be in doubt is told elsewhere.
  const isCertain = () => clock.doubt === undefined;
  let [nextDateMs, nextTokenMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return {
    isAhead(issuedAt) {
      if (issuedAt === undefined || issuedAt <= clock.nowSeconds() + clock.toleranceSeconds)
        return false;
      const nowMs = performance.now();
      // The same token, sent again and again, must not have its signature checked each time.
      if (nowMs < nextTokenMs || !isCertain()) return false;
      nextTokenMs = nowMs + tokensEveryMs;
      return true;
    },
    sawIssuedAhead: (issuedAt) => onHint("iat", issuedAt - clock.nowSeconds()),
    sawResponse(headers, nowMs) {
      if (nowMs < nextDateMs) return;
      nextDateMs = nowMs + datesEveryMs;
      const [date] = fieldValues(headers, "date");
      // What comes from a cache was dated when it was put there (RFC 9111 section 5.1).
      if (date === undefined || fieldValues(headers, "age").length > 0) return;
      const aheadSeconds = Date.parse(date) / 1000 - clock.nowSeconds();
      if (Math.abs(aheadSeconds) > clock.toleranceSeconds + dateErrorSeconds && isCertain()) {
        onHint("date", aheadSeconds);
      }
    },
  };
}
