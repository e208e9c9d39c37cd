import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

/** The levels of log.level, from the most talkative. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;
/** One of the levels. */
export type LogLevel = (typeof logLevels)[number];

/**
 * Makes the logger: JSON lines on standard output.
 *
 * No request header is ever passed to it; the redaction is the second lock on that door, for objects
 * that carry a `headers` field.
 */
export function createLogger(
  level: LogLevel,
  secretHeaders: readonly string[],
  destination?: DestinationStream,
): Logger {
  const names = ["authorization", "cookie", "set-cookie", ...secretHeaders];
  const paths = names.flatMap((name) => [`headers["${name}"]`, `*.headers["${name}"]`]);
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths, censor: "[redacted]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
