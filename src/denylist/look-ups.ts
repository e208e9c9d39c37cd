import { StoreUnavailableError } from "../errors.ts";
import { type EntryName, fallsUnder, namesOf, type TokenNames } from "./denylist.ts";
import { parseEntry } from "./journal-record.ts";
import type { KeySpace } from "./key-space.ts";
import type { ShardState } from "./store-state.ts";

/** Asks one shard for the values under some names. */
export type AskShard = (
  shard: string,
  names: readonly EntryName[],
) => Promise<{ state: ShardState; values: readonly (string | null)[] }>;

interface LookUp {
  readonly name: EntryName;
  readonly resolve: (value: string | null) => void;
  readonly reject: (error: Error) => void;
}

const namesPerAsk = 1000;
const mostWaiting = 20_000;

/** Questions to the store; those of one turn of the event loop travel together. */
export class LookUps {
  readonly #keys: KeySpace;
  readonly #askShard: AskShard;
  readonly #waiting = new Map<string, LookUp[]>();
  #count = 0;

  constructor(keys: KeySpace, askShard: AskShard) {
    this.#keys = keys;
    this.#askShard = askShard;
  }

  /**
   * Whether a token has been revoked.
   *
   * Rejects with StoreUnavailableError where there is no answer, and where there is one that proves
   * nothing: a shard that may have lost entries can't say that one is not there.
   */
  async ask(token: TokenNames): Promise<"revoked" | "live"> {
    const names = namesOf(token);
    const values = await Promise.all(names.map((name) => this.#valueOf(name)));
    const revoked = values.some((value, index) => {
      if (value === null) return false;
      const { kind, value: hash } = names[index] as EntryName;
      return fallsUnder(token, parseEntry(`${kind} ${hash} ${value}`)?.cutoff);
    });
    return revoked ? "revoked" : "live";
  }

  #valueOf(name: EntryName): Promise<string | null> {
    return new Promise((resolve, reject) => {
      if (this.#count >= mostWaiting) {
        reject(new StoreUnavailableError("too many requests wait for redis"));
        return;
      }
      if (this.#waiting.size === 0) setImmediate(() => this.#askAll());
      this.#count += 1;
      const shard = this.#keys.shardOf(name);
      const queue = this.#waiting.get(shard);
      if (queue === undefined) this.#waiting.set(shard, [{ name, resolve, reject }]);
      else queue.push({ name, resolve, reject });
    });
  }

  #askAll(): void {
    const shards = [...this.#waiting];
    this.#waiting.clear();
    for (const [shard, queue] of shards) {
      for (let at = 0; at < queue.length; at += namesPerAsk) {
        void this.#askSome(shard, queue.slice(at, at + namesPerAsk));
      }
    }
  }

  async #askSome(shard: string, batch: readonly LookUp[]): Promise<void> {
    try {
      const names = batch.map(({ name }) => name);
      const { state, values } = await this.#askShard(shard, names);
      for (const [index, { resolve, reject }] of batch.entries()) {
        const value = values[index] ?? null;
        // What is there is revoked, whatever else has been lost.
        if (value !== null || state.kind === "trusted") resolve(value);
        else reject(new StoreUnavailableError("redis has lost data, and is being filled again"));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error as Error);
    } finally {
      this.#count -= batch.length;
    }
  }
}
