import type { Has } from "../search.ts";

/** The rules without which a loss goes unseen. */
export type LossRule =
  /** R6: `evicted_keys` is part of what an epoch is held against. */
  | "an eviction ends the epoch"
  /** R6: Redis's TIME is compared with a monotonic clock. */
  | "a step of redis's clock is a loss"
  /** R6: the last line read must itself be there, by what it says; "the position is ahead" is not enough. */
  | "the last line itself"
  /** R6: in each shard a sidecar has a mark of its own, which nobody else can bring back to an old value. */
  | "each shard has one's own mark"
  /** A line never stands without its key: one step, or the key first. */
  | "no line before its key"
  /** A first load counts only if the epoch outlives a notice: the time in which every live sidecar looks once. */
  | "newcomers wait for a notice"
  /** R9: whoever may have missed a line restores. */
  | "what may have been missed is restored";

/** What may happen. */
export interface LossWorld {
  readonly apart: boolean;
  readonly evictions: number;
  readonly clockSteps: number;
  readonly rollbacks: number;
  /** Losses that show as another epoch (a restart) in the entry's shard. */
  readonly restarts: number;
  readonly otherLines: number;
  readonly pauses: number;
  readonly trims: number;
}

interface Line {
  id: number;
  says: number;
}

/** What a server holds, as a snapshot has it. */
export interface Held {
  key: boolean;
  /** Each with what it says: an id alone may come again. */
  lines: Line[];
  nextLine: number;
  /** A's own. */
  mark: number;
  epoch: number;
  /** Lost in a way that the epoch shows, and nobody has begun another. */
  changed: boolean;
  settling: boolean;
}

type Left = { -readonly [Kind in keyof Omit<LossWorld, "apart">]: number };

/** All of it. */
export interface State {
  held: Held;
  snapshot: Held | undefined;
  clockStepped: boolean;
  said: number;
  a: {
    paused: boolean;
    looked: boolean;
    epoch: number;
    position: Line;
    mark: number;
    restoring: "no" | "yes" | "halfway";
  };
  newcomer: { loadedIn: number; knows: boolean; age: number };
  left: Left;
}

/** Which rules are in force. */
export type Rules = Has<LossRule>;

/** Adds a line to the feed. */
export function append(state: State): void {
  const { held } = state;
  state.said += 1;
  held.lines.push({ id: held.nextLine, says: state.said });
  held.nextLine += 1;
}

/** Where whoever has read to the end goes on. */
export function lastLine({ lines, nextLine }: Held): Line {
  return lines.at(-1) ?? { id: nextLine - 1, says: -1 };
}
