import type { Config } from "../config/load.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import { type AnchoredClock, openAnchoredClock } from "../platform/anchored-clock.ts";
import type { Stopwatch } from "../platform/clock.ts";

/** What the clock is told to, and what it is read from. */
export interface TimeContext {
  readonly metrics: Metrics<string>["store"];
  readonly logger: Logger;
  /** The two clocks of the machine; tests bring their own. */
  readonly stopwatch?: Stopwatch | undefined;
}

/** Opens the clock that everything goes by, and says what becomes of it. */
export function openTime(
  { settings }: Config,
  { metrics, logger, stopwatch }: TimeContext,
): AnchoredClock {
  const clock = openAnchoredClock({
    toleranceSeconds: settings.tokens.clockTolerance / 1000,
    ...(stopwatch && { stopwatch }),
  });
  metrics.clockTrusted.set(1);
  clock.onChange((change) => {
    if (change.kind === "stepped") {
      metrics.clockSteps.inc();
      const bySeconds = Math.round(change.byMs) / 1000;
      logger.warn({ bySeconds }, "the wall clock has jumped; everything is loaded once more");
      return;
    }
    metrics.clockTrusted.set(change.kind === "settled" ? 1 : 0);
    if (change.kind === "settled") logger.info("the time is not in doubt any more");
    else logger.error({ reason: change.reason }, "the time is in doubt: not ready");
  });
  return clock;
}
