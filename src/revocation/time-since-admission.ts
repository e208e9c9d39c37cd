import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, EpochSeconds } from "../platform/clock.ts";
import { readTime } from "./cut-off.ts";

/** What time it is for a request that was admitted while the time was certain. */
export interface TimeSinceAdmission {
  readonly admittedSeconds: EpochSeconds;
  /** What time it is now. */
  read(): TimeRead;
}

/** A moment, as far as it is known what time it was. */
export interface TimeRead {
  readonly seconds: EpochSeconds;
  /**
   * What time it was at that moment; undefined if that is certain already. Resolves when the clock is not in doubt any
   * more.
   */
  readonly settled: (() => Promise<EpochSeconds>) | undefined;
}

/** How often a clock in doubt is looked at again. */
const lookEveryMs = 100;

/**
 * Takes the time of an admission, for the cut-offs of the answer.
 *
 * The clock may jump while the application works. One that jumped ahead would lock the user out; so until it is
 * certain again, the time is that of the admission and what has passed since by the monotonic clock. That lags
 * if the machine was suspended: once the clock is certain, it is known what time it was.
 */
export function timeSinceAdmission(clock: Clock): TimeSinceAdmission {
  const admittedSeconds = clock.nowSeconds();
  const admittedMs = performance.now();
  return {
    admittedSeconds,
    read() {
      const readMs = performance.now();
      const { seconds, doubt } = readTime(clock);
      if (doubt === undefined) return { seconds, settled: undefined };
      return {
        seconds: admittedSeconds + (readMs - admittedMs) / 1000,
        settled: () => timeAt(readMs, clock),
      };
    },
  };
}

/** What time it was at a moment of the monotonic clock, or a little later; resolves when that is certain. */
async function timeAt(momentMs: number, clock: Clock): Promise<EpochSeconds> {
  for (;;) {
    const { seconds, doubt } = readTime(clock);
    if (doubt === undefined) return seconds - (performance.now() - momentMs) / 1000;
    await sleep(lookEveryMs, undefined, { ref: false });
  }
}
