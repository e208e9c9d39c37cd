import { StoreUnavailableError } from "../../errors.ts";

/** Max bytes of a line that is handed over: those of hundreds of entries. */
export const maxLineBytes = 200_000;

/** The id of a line of a stream, as Redis makes it: milliseconds, "-", and a number. */
export type LineId = string;

/** A line of a log that a sidecar has seen there: by its id and its text, since an id may be given twice. */
export interface Tail {
  readonly id: LineId;
  readonly text: string;
}

/**
 * Where a line is. `there`: what was in the shard when the line was written still is, unless keys vanish
 * singly. `gone`: the shard went back to before it. `trimmed`: the log begins after it, so that is unknown.
 */
export type Whereabouts = "there" | "gone" | "trimmed";

/** Reads the whereabouts of a line as the scripts return them. */
export function readWhereabouts(reply: unknown, { text }: Pick<Tail, "text">): Whereabouts {
  const [where, found] = Array.isArray(reply) ? (reply as unknown[]) : [];
  // Another line in its place: the shard went back, and was written to since.
  if (where === "there") return found === text ? "there" : "gone";
  if (where === "gone" || where === "trimmed") return where;
  throw new StoreUnavailableError("redis sent an unexpected answer in place of a line's position");
}

/** A line of a stream as Redis returns it: its id and its fields, names and values alternating. */
export type StreamLine = readonly [id: LineId, fields: readonly unknown[]];

/** Reads lines of a stream. Throws StoreUnavailableError if it is anything else. */
export function readStreamLines(reply: unknown): readonly StreamLine[] {
  if (Array.isArray(reply) && reply.every(isStreamLine)) return reply;
  throw new StoreUnavailableError("redis sent an unexpected answer in place of feed lines");
}

function isStreamLine(line: unknown): line is StreamLine {
  const [id, fields] = Array.isArray(line) ? (line as unknown[]) : [];
  return typeof id === "string" && Array.isArray(fields);
}

/** What is remembered of a line. */
export function tailOf([id, fields]: StreamLine): Tail {
  return { id, text: String(fields[1] ?? "") };
}

/** Which of two lines of one log came later. */
export function laterLine(one: Tail | undefined, other: Tail): Tail {
  return one === undefined || compareIds(one.id, other.id) < 0 ? other : one;
}

/** Negative if the first came earlier, positive if it came later. */
export function compareIds(one: LineId, other: LineId): number {
  const [ms = 0, count = 0] = one.split("-").map(Number);
  const [otherMs = 0, otherCount = 0] = other.split("-").map(Number);
  return ms - otherMs || count - otherCount;
}
