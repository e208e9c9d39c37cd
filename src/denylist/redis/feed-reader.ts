import { ignored, type OnIgnored } from "../ignored.ts";
import type { RedisConnection } from "./connection.ts";
import { type FeedLine, readFeedLine } from "./feed-line.ts";
import type { KeySpace } from "./key-space.ts";
import {
  readStreamLines,
  readWhereabouts,
  type Tail,
  tailOf,
  type Whereabouts,
} from "./log-line.ts";
import type { OwnLines } from "./own-lines.ts";
import { guardMs } from "./script-state.ts";
import type { ShardState } from "./store-state.ts";

/** The answer to a read of the feed. */
export interface FeedReading {
  readonly state: ShardState;
  /** Where the line read last is; unless it is there, `lines` are not what came behind it. */
  readonly position: Whereabouts;
  /** Where the last line is that was known to be there. */
  readonly tail: Whereabouts;
  readonly lines: readonly FeedLine[];
  /** Whether there may be more lines behind them: then they prove nothing. */
  readonly more: boolean;
  /** The server's clock, in milliseconds since 1970. */
  readonly serverTimeMs: number;
}

/** The answer to a look at a shard. */
export interface Look {
  readonly state: ShardState;
  /** Where the line is that was asked for; undefined if none was. */
  readonly where: Whereabouts | undefined;
  /** The last line of the shard's log. */
  readonly last: Tail | undefined;
}

/** What is read, and how. */
export interface FeedReaderOptions {
  readonly connection: RedisConnection;
  readonly keys: KeySpace;
  /** Lines that need not be read. */
  readonly ownLines: OwnLines;
  /** Reads the state that every script returns first. */
  readonly stateOf: (reply: unknown) => ShardState;
  /** Told of lines that no revgate can have written. */
  readonly onIgnored?: OnIgnored | undefined;
}

/** Reads the logs of shards, the feed among them, each time in one step with the state of the shard. */
export class FeedReader {
  readonly #options: FeedReaderOptions;

  constructor(options: FeedReaderOptions) {
    this.#options = options;
  }

  /** Reads at most `count` lines behind a position, and looks where that and the tail are. */
  async readFeed(position: Tail, count: number, tail = position): Promise<FeedReading> {
    const { connection, keys, ownLines, stateOf, onIgnored } = this.#options;
    const args = [position.id, count, tail.id, guardMs];
    const reply = await connection.run("read", keys.stateKeys(keys.feedShard), args);
    const [, where, tailWhere, lines, time, more] = reply as unknown[];
    const isOwn = (text: string) => ownLines.take(text);
    const read = readStreamLines(lines).map((line) => readFeedLine(line, keys, isOwn));
    for (const { ignored: text } of read) {
      if (text === undefined) continue;
      onIgnored?.(ignored("feed", "a line that says nothing", text));
    }
    return {
      state: stateOf(reply),
      position: readWhereabouts(where, position),
      tail: readWhereabouts(tail.id === position.id ? where : tailWhere, tail),
      lines: read,
      more: more !== 0,
      serverTimeMs: readTime(time),
    };
  }

  /** What a shard is like, by the follower's word, and where a line of its log is. */
  async look(shard: string, tail?: Tail): Promise<Look> {
    const { connection, keys, stateOf } = this.#options;
    const args = [tail?.id ?? "", guardMs];
    const reply = await connection.run("look", keys.stateKeys(shard), args);
    const [, where, lines] = reply as unknown[];
    const [last] = readStreamLines(lines);
    return {
      state: stateOf(reply),
      where: tail && readWhereabouts(where, tail),
      last: last && tailOf(last),
    };
  }
}

/** Reads what TIME returned; NaN if it is no time, which agrees with no clock. */
function readTime(time: unknown): number {
  const [seconds, microseconds] = Array.isArray(time) ? (time as unknown[]) : [];
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}
