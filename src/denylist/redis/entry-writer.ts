import type { Clock } from "../../platform/clock.ts";
import type { Entry } from "../denylist.ts";
import { slackSeconds } from "./entry-scripts.ts";
import type { NewLine } from "./feed-line.ts";
import type { KeySpace } from "./key-space.ts";
import type { Tail } from "./log-line.ts";
import type { OwnLines } from "./own-lines.ts";
import type { ScriptName } from "./scripts.ts";
import type { ShardState } from "./store-state.ts";

/** Runs a script that writes; resolves when as many replicas have it as must. */
export type Write = (
  script: ScriptName,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>;

/** What is written, and how. */
export interface EntryWriterOptions {
  readonly write: Write;
  readonly keys: KeySpace;
  readonly clock: Clock;
  /** How long a grace period goes on at least that is prolonged, in milliseconds. */
  readonly graceMs: number;
  /** How many lines the feed keeps, about. */
  readonly feedLines: number;
  readonly ownLines: OwnLines;
  /** The epoch that the follower saw, as it stands in the store. */
  readonly epochText: (shard: string) => string;
  readonly stateOf: (reply: unknown) => ShardState;
  /** Told of the state in which nothing was written: it has it looked into. */
  readonly isBelieved: (shard: string, state: ShardState) => Promise<boolean>;
  /** Told of a shard that has gone back. */
  readonly onGone: (shard: string) => void;
}

/** How entries are stored. */
export interface PutOptions {
  readonly prolong?: boolean;
  /** A line that must still be there. */
  readonly after?: Tail | undefined;
}

/** What came of it. */
export interface Put {
  readonly state: ShardState;
  readonly tail: Tail | undefined;
  readonly held: number;
  readonly follows: boolean;
}

const shardLogLines = 1000;

/** Writes entries and lines, in one step for each shard, and only in the epoch that the follower saw. */
export class EntryWriter {
  readonly #options: EntryWriterOptions;

  constructor(options: EntryWriterOptions) {
    this.#options = options;
  }

  /**
   * Stores entries of one shard, and after them, in the same step, lines in its log; resolves to the last of
   * these, and to how many of the entries were there. Nothing is written, and `tail` is undefined, unless the
   * shard is in the epoch that the follower saw, and has not gone back to before the line `after`. `follows`: whether that line
   * was seen to be there; a log may have been trimmed past it.
   * Of two expiries and two cut-offs the later holds; `prolong` makes a grace period go on.
   */
  async put(
    shard: string,
    entries: readonly Entry[],
    lines: readonly NewLine[],
    { prolong = false, after }: PutOptions = {},
  ): Promise<Put> {
    const { keys, graceMs, feedLines, ownLines, epochText, write, stateOf } = this.#options;
    const length = shard === keys.feedShard ? feedLines : shardLogLines;
    ownLines.note(lines);
    const touched = [...keys.stateKeys(shard), ...entries.map((entry) => keys.keyOf(entry))];
    const reply = await write("put", touched, [
      ...[epochText(shard), prolong ? graceMs : 0, length],
      ...[after?.id ?? "", after?.text ?? "", lines.length],
      ...lines.flatMap(({ line, more }) => [line, more]),
      ...this.#entryArguments(entries),
    ]);
    const [, id, held, where] = reply as [unknown, string, number, string];
    const text = lines.at(-1)?.line ?? "";
    const state = stateOf(reply);
    if (where === "gone") this.#options.onGone(shard);
    else if (id === "") await this.#options.isBelieved(shard, state);
    return { state, tail: id === "" ? undefined : { id, text }, held, follows: where === "there" };
  }

  #entryArguments(entries: readonly Entry[]): (string | number)[] {
    const now = this.#options.clock.nowSeconds();
    return entries.flatMap(({ expiresAt, ...details }) => [
      Math.ceil(expiresAt),
      detailsOf(details),
      Math.max(1, Math.ceil(expiresAt - now)) + slackSeconds,
    ]);
  }
}

/** What stands behind an expiry in the arguments of the script. */
function detailsOf({ cutoff, sparing = "", ...facts }: Omit<Entry, "expiresAt">): string {
  const fact = facts.session ?? facts.beginning;
  if (fact !== undefined) return `=${fact}`;
  return cutoff === undefined ? "" : `${Math.ceil(cutoff)} ${sparing}`.trimEnd();
}
