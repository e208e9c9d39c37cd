import { ignored, type OnIgnored } from "../ignored.ts";
import type { RedisConnection } from "./connection.ts";
import { type FeedLine, readFeedLine } from "./feed-line.ts";
import type { KeySpace } from "./key-space.ts";
import {
  readStreamLines,
  readWhereabouts,
  type StreamLine,
  type Tail,
  tailOf,
  type Whereabouts,
} from "./log-line.ts";
import type { OwnLines } from "./own-lines.ts";
import { guardMs } from "./script-state.ts";
import { isShortLine, readSteady, type SteadyState, steadyCommands } from "./steady-reading.ts";
import type { ShardState } from "./store-state.ts";

/** The answer to a read of the feed. */
export interface FeedReading {
  readonly state: ShardState;
  /** Where the line read last is; unless it is there, `lines` are not what came behind it. */
  readonly position: Whereabouts;
  /** Where the last line is that was known to be there. */
  readonly tail: Whereabouts;
  readonly lines: readonly FeedLine[];
  /** Whether there may be more lines after them: then they prove nothing. */
  readonly more: boolean;
  /** How many sidecars have beaten; undefined if it was not asked. */
  readonly sidecars?: number | undefined;
  /** The server's clock, in milliseconds since 1970; undefined if it was not asked for. */
  readonly serverTimeMs?: number | undefined;
}

/** From where the feed is read, and how much. */
export interface FeedQuestion {
  /** The line read last. */
  readonly position: Tail;
  /** The last line that is known to be there; `position` by default. */
  readonly tail?: Tail | undefined;
  /** Max lines. */
  readonly count: number;
  /** How old a full reading may be for one that only proves that nothing has changed since; 0: none is. */
  readonly maxAgeMs: number;
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
  /** Whether the number of replicas counts, which only a full reading tells. */
  readonly needsReplicas: boolean;
  /** Told why Redis takes no readings but full ones, which cost it six times as much; undefined: it does. */
  readonly onRefused?: ((reason: string | undefined) => void) | undefined;
}

/** Reads the logs of shards, the feed among them, each time in one step with the state of the shard. */
export class FeedReader {
  readonly #options: FeedReaderOptions;
  /** By what readings may go that are not full. */
  #steady: SteadyState | undefined;
  /** The connection on which such readings are refused. */
  #refusedBy: number | undefined;

  constructor(options: FeedReaderOptions) {
    this.#options = options;
  }

  /** Reads lines behind a position, and looks where that and the tail are. */
  async readFeed(question: FeedQuestion): Promise<FeedReading> {
    return (await this.#readSteadily(question)) ?? (await this.#readFully(question));
  }

  /** Undefined if anything is not as the last full reading found it, or that one does not count any more. */
  async #readSteadily({
    position,
    tail = position,
    maxAgeMs,
  }: FeedQuestion): Promise<FeedReading | undefined> {
    const { connection, keys } = this.#options;
    const steady = this.#steady;
    if (steady === undefined || steady.connection !== connection.number) return undefined;
    if (performance.now() - steady.askedMs >= maxAgeMs || !isShortLine(position)) return undefined;
    this.#steady = undefined;
    const replies = await this.#ask(steadyCommands(keys, position));
    if (replies === undefined || steady.connection !== connection.number) return undefined;
    const found = readSteady(replies, steady, { position, tail });
    if (found === undefined) return undefined;
    this.#steady = steady;
    const { state } = steady;
    return { state, position: "there", tail: "there", ...found, lines: this.#parse(found.lines) };
  }

  /** Undefined if Redis refuses one of the commands to this user: the scripts do as well. */
  async #ask(commands: readonly (readonly (string | number)[])[]) {
    const { connection, onRefused } = this.#options;
    try {
      const replies = await connection.inOneStep(commands);
      if (this.#refusedBy !== undefined) onRefused?.(undefined);
      this.#refusedBy = undefined;
      return replies;
    } catch (error) {
      const { message, cause } = error as Error;
      if (!(cause instanceof Error) || cause.name !== "ReplyError") throw error;
      this.#refusedBy = connection.number;
      onRefused?.(message);
      return undefined;
    }
  }

  async #readFully({ position, count, tail = position }: FeedQuestion): Promise<FeedReading> {
    const { connection, keys, stateOf } = this.#options;
    const asked = { connection: connection.number, askedMs: performance.now() };
    this.#steady = undefined;
    const args = [position.id, count, tail.id, guardMs];
    const reply = await connection.run("read", keys.stateKeys(keys.feedShard), args);
    const [said, where, tailWhere, lines, time, more] = reply as unknown[];
    const state = stateOf(reply);
    this.#note(state, said, asked);
    return {
      state,
      position: readWhereabouts(where, position),
      tail: readWhereabouts(tail.id === position.id ? where : tailWhere, tail),
      lines: this.#parse(readStreamLines(lines)),
      more: more !== 0,
      serverTimeMs: readTime(time),
    };
  }

  /** Remembers a full reading by which others may go. */
  #note(state: ShardState, said: unknown, asked: Pick<SteadyState, "connection" | "askedMs">) {
    const { connection, keys, needsReplicas } = this.#options;
    const guard = Array.isArray(said) ? (said[5] as unknown) : undefined;
    const isOne = asked.connection === connection.number && asked.connection !== this.#refusedBy;
    if (state.kind !== "trusted" || typeof guard !== "string" || !isOne) return;
    // In a Cluster, a slot moves between connections that stay.
    if (!keys.spread && !needsReplicas) this.#steady = { ...asked, state, guard };
  }

  #parse(lines: readonly StreamLine[]): readonly FeedLine[] {
    const { keys, ownLines, onIgnored } = this.#options;
    const isOwn = (text: string) => ownLines.take(text);
    const read = lines.map((line) => readFeedLine(line, keys, isOwn));
    for (const { ignored: text } of read) {
      if (text === undefined) continue;
      onIgnored?.(ignored("feed", "a line that says nothing", text));
    }
    return read;
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
