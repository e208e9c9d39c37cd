import { StoreUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Entry, EntryName } from "../denylist.ts";
import { readTimes } from "../entry-text.ts";
import { ignored, type OnIgnored } from "../ignored.ts";
import type { RedisConnection } from "./connection.ts";
import { covers, readValues, unreadableEntry } from "./entry-value.ts";
import type { KeySpace } from "./key-space.ts";
import { namesBySlot } from "./listing.ts";
import type { ShardState } from "./store-state.ts";

/** What is read, and how. */
export interface EntryReaderOptions {
  readonly connection: RedisConnection;
  readonly keys: KeySpace;
  readonly clock: Clock;
  /** Reads the state that every script returns first. */
  readonly stateOf: (reply: unknown) => ShardState;
  /**
   * Whether a state counts. Asked by a reader for itself, so that it leaves a server that was replaced: no
   * request may come to find that out.
   */
  readonly isBelieved: (shard: string, state: ShardState) => Promise<boolean>;
  /** Told of values that no revgate can have written. */
  readonly onIgnored?: OnIgnored | undefined;
}

/** Some entries of one shard, and what the shard was like when they were read. */
export interface Page {
  readonly shard: string;
  readonly state: ShardState;
  readonly entries: readonly Entry[];
}

/** What stands under names of one shard, null if there is nothing, and what the shard was like. */
export interface Values {
  readonly state: ShardState;
  readonly values: readonly (string | null)[];
}

const keysPerPage = 1000;
const cursor = /^\d{1,20}$/;

/** Reads entries, each time in one step with the state of their shard: whether they count, the caller knows. */
export class EntryReader {
  readonly #options: EntryReaderOptions;

  constructor(options: EntryReaderOptions) {
    this.#options = options;
  }

  /** What a shard is like, by the word of the server that entries are read from. */
  async stateOf(shard: string): Promise<ShardState> {
    const { state } = await this.#ask(shard, []);
    await this.#options.isBelieved(shard, state);
    return state;
  }

  /** What stands under names of one shard; each text is reported that is no revocation's. */
  async valuesOf(shard: string, names: readonly EntryName[]): Promise<Values> {
    const answer = await this.#ask(shard, names);
    for (const [index, name] of names.entries()) this.#read(name, answer.values[index] ?? null);
    return answer;
  }

  /** Which of some entries of one shard are not there, or there with less than they say. */
  async lacking(
    shard: string,
    entries: readonly Entry[],
  ): Promise<{ readonly state: ShardState; readonly lacking: readonly Entry[] }> {
    const { state, values } = await this.#ask(shard, entries);
    await this.#options.isBelieved(shard, state);
    return { state, lacking: entries.filter((entry, at) => !covers(values[at] ?? null, entry)) };
  }

  /**
   * All entries there are, some at a time; one may come twice.
   *
   * Throws StoreUnavailableError if one may be missing that was there all the time, as long as each shard stays
   * in one epoch.
   */
  async *pages(): AsyncGenerator<Page> {
    const pages = readAhead(this.#options.keys.spread ? this.#pagesBySlot() : this.#pagesByScan());
    for await (const page of pages) {
      await this.#options.isBelieved(page.shard, page.state);
      yield page;
    }
  }

  /**
   * SCAN promises every key that is there all the time, on one server: an epoch is one server's, so a reader
   * that finds all pages in one epoch has read them from one.
   */
  async *#pagesByScan(): AsyncGenerator<Page> {
    const { connection, keys, stateOf } = this.#options;
    const ask = async (at: string, exact: 0 | 1) => {
      const args = [at, keys.pattern, keysPerPage, exact];
      return connection.run("page", keys.stateKeys(""), args);
    };
    let at = "0";
    do {
      let reply = await ask(at, 0);
      let listed = readListed(reply);
      // Somebody has put a line feed into a key or a value.
      if (listed === undefined) {
        reply = await ask(at, 1);
        listed = readListed(reply);
      }
      if (listed === undefined) throw unknownPage();
      const { texts } = listed;
      const entries = listed.keys.flatMap((key, index) => {
        const name = keys.nameOf(key);
        return (name && this.#read(name, texts[index] ?? null)) ?? [];
      });
      yield { shard: "", state: stateOf(reply), entries };
      at = listed.next;
    } while (at !== "0");
  }

  async *#pagesBySlot(): AsyncGenerator<Page> {
    const { connection, keys } = this.#options;
    for await (const [shard, names] of namesBySlot(connection, keys)) {
      const { state, values } = await this.#ask(shard, names);
      const entries = names.flatMap((name, at) => this.#read(name, values[at] ?? null) ?? []);
      yield { shard, state, entries };
    }
  }

  async #ask(shard: string, names: readonly EntryName[]): Promise<Values> {
    const { connection, keys, stateOf } = this.#options;
    const reply = await connection.run("values", [
      ...keys.stateKeys(shard),
      ...names.map((name) => keys.keyOf(name)),
    ]);
    const [, values] = Array.isArray(reply) ? (reply as unknown[]) : [];
    return { state: stateOf(reply), values: readValues(values, names.length) };
  }

  /** The entry with that value; undefined if there is none. What can't be read is reported, and revoked. */
  #read(name: EntryName, value: string | null): Entry | undefined {
    if (value === null) return undefined;
    const entry = readTimes(name, value);
    if (entry !== undefined) return entry;
    const { keys, clock, onIgnored } = this.#options;
    const text = `${keys.keyOf(name)} ${value}`;
    onIgnored?.(ignored("entry", "a value that is no revocation's", text));
    return unreadableEntry(name, clock.nowSeconds());
  }
}

/** Keys with their values, and where the listing goes on. */
interface Listed {
  readonly next: string;
  readonly keys: readonly string[];
  readonly texts: readonly string[];
}

/** Reads what the script `page` returns; undefined if there are not as many keys or values as it says. */
function readListed(reply: unknown): Listed | undefined {
  const [, next, count, keys, texts] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (typeof next !== "string" || !cursor.test(next) || typeof count !== "number") {
    throw unknownPage();
  }
  const listed = { next, keys: linesOf(keys, count), texts: linesOf(texts, count) };
  const isWhole = listed.keys.length === count && listed.texts.length === count;
  return isWhole ? listed : undefined;
}

function linesOf(lines: unknown, count: number): readonly string[] {
  if (typeof lines === "string") return count === 0 ? [] : lines.split("\n");
  const areTexts = Array.isArray(lines) && lines.every((text) => typeof text === "string");
  if (!areTexts) throw unknownPage();
  return lines;
}

function unknownPage(): StoreUnavailableError {
  return new StoreUnavailableError("redis sent an unexpected answer in place of a page of entries");
}

/** Asks for the next page while one is dealt with. */
async function* readAhead<T>(pages: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  let next = pages.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = pages.next();
      // A failure is told when it is its turn.
      next.catch(() => {});
      yield value;
    }
  } finally {
    void pages.return().catch(() => {});
  }
}
