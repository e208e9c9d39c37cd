import type { Logger } from "./logger.ts";

/** Where something came in that led to an error that no one caught. */
export const doors = ["clients", "decisions", "admin", "control", "process"] as const;
/** One of the doors; `process` is whatever cannot be told to belong to another. */
export type Door = (typeof doors)[number];

/** Reports an error that no one caught. It is always a defect of revgate. */
export type ReportUncaught = (door: Door, error: unknown) => void;

/** Who counts and who logs. */
export interface UncaughtOptions {
  readonly counts: Readonly<Record<Door, { inc(): void }>>;
  readonly logger: Pick<Logger, "error">;
}

const maxRemembered = 100;

/**
 * Makes the report of the last line of defence: counts each error, and logs it with its stack the first
 * time that it comes from a place in the code. What comes in cannot fill the log by it.
 */
export function createUncaughtReport({ counts, logger }: UncaughtOptions): ReportUncaught {
  const places = new Set<string>();
  return (door, error) => {
    counts[door].inc();
    const { message, frames } = describeUncaught(error);
    const place = `${door} ${frames[0] ?? message}`;
    if (places.has(place) || places.size >= maxRemembered) return;
    places.add(place);
    logger.error(
      { door, error: message, stack: frames },
      "an error was not caught; see RevgateUncaughtErrors in the runbook",
    );
  };
}

/**
 * What may stand in the log. The message of a SyntaxError quotes what was parsed, which may be a
 * credential; those of other errors speak of our code.
 */
function describeUncaught(error: unknown): {
  readonly message: string;
  readonly frames: readonly string[];
} {
  if (!(error instanceof Error)) return { message: typeof error, frames: [] };
  const { name, message, stack = "" } = error;
  const frames = stack.replace(message, "").match(/^\s+at .+$/gm) ?? [];
  return {
    message: error instanceof SyntaxError ? name : `${name}: ${message}`,
    frames: frames.map((frame) => frame.trim()),
  };
}
