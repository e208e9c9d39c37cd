import { laterLine, type Tail } from "./log-line.ts";
import type { Epoch } from "./store-state.ts";

interface Known {
  /** The epoch in which everything this sidecar knows was last seen to be in the shard. */
  epochId: string | undefined;
  /** The last line of the shard's log that stands after all of that; undefined if there is none for sure. */
  tail: Tail | undefined;
  /** The last line after something that became known since the comparison in progress began. */
  seen: Tail | undefined;
  /** Counts what made it doubtful. */
  doubts: number;
}

/**
 * Up to which line of each shard's log everything that this sidecar knows is in the shard.
 *
 * A server that lost its latest writes (a restart from a file, a replica that took over, a machine set back)
 * has what it had at some moment before: if the line is still there, so is everything before it, and nothing
 * has to be compared or written back.
 */
export class KnownShards {
  readonly #shards = new Map<string, Known>();

  /** The last line that must be there; undefined while that is unknown. */
  tailOf(shard: string): Tail | undefined {
    return this.#shards.get(shard)?.tail;
  }

  /** The last line after anything known, whether or not all of that was compared; undefined if there is none for sure. */
  lastOf(shard: string): Tail | undefined {
    const known = this.#shards.get(shard);
    return known?.tail ?? known?.seen;
  }

  /** Something more is known, which the shard has since that line; `lastOf` was still there when it was written. */
  advance(shard: string, tail: Tail): void {
    const known = this.#get(shard);
    known.seen = laterLine(known.seen, tail);
    if (known.tail !== undefined) known.tail = laterLine(known.tail, tail);
  }

  /** Something more is known, and it is unknown since which line the shard has it, if at all. */
  doubt(shard: string): void {
    const known = this.#get(shard);
    known.tail = undefined;
    known.epochId = undefined;
    known.doubts += 1;
  }

  /** Everything known is about to be compared with the shard; returns what `settle` is to be given. */
  begin(shard: string): number {
    const known = this.#get(shard);
    known.tail = undefined;
    known.seen = undefined;
    return known.doubts;
  }

  /** Whether everything known was seen to be in the shard, in that epoch. */
  isSettled(shard: string, epoch: Epoch): boolean {
    return this.#shards.get(shard)?.epochId === epoch.id;
  }

  /** Whether nothing can be missing in an epoch if only the tail is still there. */
  mayFollow(shard: string, epoch: Epoch): boolean {
    const known = this.#shards.get(shard);
    return known?.tail !== undefined && epoch.began === "moved" && known.epochId === epoch.before;
  }

  /** Everything known is in the shard in that epoch: its tail is still there. */
  follow(shard: string, epoch: Epoch): void {
    this.#get(shard).epochId = epoch.id;
  }

  /**
   * Everything that was known when the comparison began is in the shard in that epoch, and stands before that
   * line; returns whether nothing became doubtful meanwhile.
   */
  settle(shard: string, epoch: Epoch, { tail, doubts }: { tail: Tail; doubts: number }): boolean {
    const known = this.#get(shard);
    if (known.doubts !== doubts) return false;
    known.epochId = epoch.id;
    known.tail = laterLine(known.seen, tail);
    return true;
  }

  #get(shard: string): Known {
    const none = { epochId: undefined, tail: undefined, seen: undefined, doubts: 0 };
    const known = this.#shards.get(shard) ?? none;
    this.#shards.set(shard, known);
    return known;
  }
}
