import type { Config } from "../config/load.ts";
import { type ClockHintSource, type ClockHints, createClockHints } from "../gateway/clock-hints.ts";
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

/** Counts hints at a wrong clock, and logs the first of each kind. */
export function openClockHints(
  clock: AnchoredClock,
  { metrics, logger }: Pick<TimeContext, "metrics" | "logger">,
): ClockHints {
  const told = new Set<ClockHintSource>();
  return createClockHints({
    clock,
    onHint(source, aheadSeconds) {
      metrics.clockHints[source].inc();
      if (told.has(source)) return;
      told.add(source);
      const seconds = Math.round(aheadSeconds);
      logger.warn({ source, aheadSeconds: seconds }, hintMeanings[source]);
    },
  });
}

const hintMeanings = {
  iat: "a token was issued in the future: this machine's clock or its issuer's is wrong",
  date: "the application's clock differs from this machine's: one of them is wrong",
} as const satisfies Record<ClockHintSource, string>;

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
      logger.warn({ bySeconds }, "the wall clock has jumped; all revocations are loaded again");
      return;
    }
    metrics.clockTrusted.set(change.kind === "settled" ? 1 : 0);
    if (change.kind === "settled") logger.info("the time is certain again");
    else logger.error({ reason: change.reason }, "the time is in doubt: not ready");
  });
  return clock;
}
