import type { Stopwatch } from "../../src/platform/clock.ts";

/** The clocks of a machine whose wall clock a test sets; the monotonic one goes on as ever. */
export interface MachineClock {
  readonly stopwatch: Stopwatch;
  /** Sets the wall clock so many seconds ahead of the right time; 0 is right. */
  set(aheadSeconds: number): void;
  /** Lets time pass on both clocks. */
  pass(seconds: number): void;
}

/** Makes the clocks of a machine; they are right at first. */
export function machineClock(): MachineClock {
  let aheadMs = 0;
  let passedMs = 0;
  return {
    stopwatch: () => ({
      monotonicMs: performance.now() + passedMs,
      wallMs: Date.now() + passedMs + aheadMs,
    }),
    set(aheadSeconds) {
      aheadMs = 1000 * aheadSeconds;
    },
    pass(seconds) {
      passedMs += 1000 * seconds;
    },
  };
}
