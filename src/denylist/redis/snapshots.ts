import { StoreUnavailableError } from "../../errors.ts";
import type { Entry } from "../denylist.ts";
import { formatEntry } from "../entry-text.ts";
import type { Write } from "./entry-writer.ts";
import type { FeedReading } from "./feed-reader.ts";
import type { KeySpace } from "./key-space.ts";
import type { Tail } from "./log-line.ts";
import { formatHead, parseHead, type SnapshotHead } from "./snapshot-head.ts";
import { type Epoch, isIn, type ShardState } from "./store-state.ts";

/** Where snapshots are, and how they are read and written. */
export interface SnapshotsOptions {
  readonly keys: KeySpace;
  /** At the server that entries are read from. */
  readonly run: Write;
  /** At the server that entries are written to. */
  readonly write: Write;
  /** Full readings of the feed at the server that entries are read from, own lines included. */
  readonly readFeed: (position: Tail, count: number) => Promise<FeedReading>;
  readonly stateOf: (reply: unknown) => ShardState;
  /** As EntryReaderOptions.isBelieved. */
  readonly isBelieved: (shard: string, state: ShardState) => Promise<boolean>;
  /** The epoch that the follower saw, as it stands in the store. */
  readonly epochText: () => string;
}

/** A snapshot that was found, with the text by which it is found again. */
export interface FoundHead {
  readonly text: string;
  /** Undefined: there is none that is good in the epoch asked for. */
  readonly head: SnapshotHead | undefined;
}

/** What some lines of the feed say, and the last of them. */
export interface Since {
  readonly entries: readonly Entry[];
  readonly tail: Tail;
}

/** More than any part has. */
const maxEntries = 10_000;
const linesPerRead = 1000;
/** Longer than the time between two that are written anew. */
const lifeSeconds = 2 * 86_400;
/** For those who are reading it. */
const oldPartsMs = 5 * 60_000;

/** Snapshots of a store by itself: what they hold is read and written in one step with its state. */
export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** The snapshot that there is. Rejects with StoreUnavailableError if the store is not in that epoch. */
  async find(epoch: Epoch): Promise<FoundHead> {
    const text = await this.#read(this.#options.keys.snapshotKey, epoch);
    const head = parseHead(text);
    return { text, head: head?.epochId === epoch.id ? head : undefined };
  }

  /**
   * The entries of one part, in words; undefined if it is not there, or not whole.
   *
   * Rejects with StoreUnavailableError if the store is not in that epoch.
   */
  async part({ id }: SnapshotHead, number: number, epoch: Epoch): Promise<string[] | undefined> {
    const text = await this.#read(this.#options.keys.snapshotPartKey(id, number), epoch);
    const [count, ...lines] = text.split("\n", maxEntries + 2);
    return count === String(lines.length) ? lines : undefined;
  }

  /**
   * What came into the feed behind a line, some lines at a time, to its end; undefined ends it if the line is not there any more.
   *
   * Throws StoreUnavailableError if the store is not in that epoch.
   */
  async *since(tail: Tail, epoch: Epoch): AsyncGenerator<Since | undefined> {
    let position = tail;
    for (let more = true; more; ) {
      const reading = await this.#options.readFeed(position, linesPerRead);
      await this.#check(epoch, reading.state);
      if (reading.position !== "there") {
        yield undefined;
        return;
      }
      const { lines } = reading;
      position = lines.at(-1)?.tail ?? position;
      more = reading.more;
      yield { entries: lines.flatMap(({ entries }) => entries), tail: position };
    }
  }

  /** Writes a part; rejects with StoreUnavailableError if the store is not in the epoch that the follower saw. */
  async putPart(id: string, number: number, entries: readonly Entry[]): Promise<void> {
    const { keys, epochText } = this.#options;
    const text = `${entries.length}\n${entries.map(formatEntry).join("\n")}`;
    const key = keys.snapshotPartKey(id, number);
    await this.#put("putPart", [key], [epochText(), text, lifeSeconds]);
  }

  /** Has a snapshot take the place of the one that was found; its parts are there. Rejects as putPart. */
  async putHead(head: SnapshotHead, found: FoundHead): Promise<void> {
    const { keys, epochText } = this.#options;
    const { tail } = head;
    const args = [epochText(), found.text, formatHead(head), lifeSeconds, tail.id, tail.text];
    await this.#put(
      "putHead",
      [keys.snapshotKey, ...this.#replaced(found, head)],
      [...args, oldPartsMs],
    );
  }

  #replaced({ text }: FoundHead, { id }: SnapshotHead): string[] {
    const before = parseHead(text);
    if (before === undefined || before.id === id) return [];
    const { keys } = this.#options;
    return Array.from({ length: before.parts }, (_, at) => keys.snapshotPartKey(before.id, at));
  }

  async #put(script: "putPart" | "putHead", own: readonly string[], args: (string | number)[]) {
    const { keys, write, stateOf } = this.#options;
    const reply = await write(script, [...keys.stateKeys(""), ...own], args);
    stateOf(reply);
    const [, written] = reply as unknown[];
    if (written !== 1) throw new StoreUnavailableError("redis has changed during a snapshot");
  }

  async #read(key: string, epoch: Epoch): Promise<string> {
    const { keys, run, stateOf } = this.#options;
    const reply = await run("part", [...keys.stateKeys(""), key], []);
    await this.#check(epoch, stateOf(reply));
    const [, text] = reply as unknown[];
    if (typeof text === "string") return text;
    throw new StoreUnavailableError("redis sent an unexpected answer in place of a snapshot");
  }

  async #check(epoch: Epoch, state: ShardState): Promise<void> {
    await this.#options.isBelieved("", state);
    if (!isIn(epoch, state)) throw new StoreUnavailableError("redis changed during a load");
  }
}
