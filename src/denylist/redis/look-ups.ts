import { StoreUnavailableError } from "../../errors.ts";
import { type EntryName, fallsUnder, namesOf, type TokenNames } from "../denylist.ts";
import { readValue } from "./entry-value.ts";
import type { KeySpace } from "./key-space.ts";

/** Asks one shard for the values under some names. */
export type AskShard = (shard: string, names: readonly EntryName[]) => Promise<ShardAnswer>;

/** Redis answers, but what is not there may have been lost. */
export class MayBeLostError extends StoreUnavailableError {
  constructor() {
    super("redis has lost data and is being refilled");
  }
}

/** What a shard said. */
export interface ShardAnswer {
  /** Whether it can say that something is not there. */
  readonly trusted: boolean;
  readonly values: readonly (string | null)[];
}

/** The names of one token that are in one shard. */
interface LookUp {
  readonly names: readonly EntryName[];
  readonly resolve: (answer: ShardAnswer) => void;
  readonly reject: (error: Error) => void;
}

const lookUpsPerAsk = 300;
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
   * Rejects with StoreUnavailableError if there is no answer, and with MayBeLostError if there is one that proves
   * nothing: a shard that may have lost entries can't say that one is not there.
   */
  async ask(token: TokenNames): Promise<"revoked" | "live"> {
    const names = namesOf(token);
    const shards = new Set(names.map((name) => this.#keys.shardOf(name)));
    const [only = ""] = shards;
    const revoked =
      shards.size === 1
        ? await this.#isRevoked(token, only, names)
        : await this.#isRevokedInOneOf(token, shards, names);
    return revoked ? "revoked" : "live";
  }

  async #isRevokedInOneOf(
    token: TokenNames,
    shards: ReadonlySet<string>,
    names: readonly EntryName[],
  ): Promise<boolean> {
    const answers = [...shards].map((shard) => {
      const there = names.filter((name) => this.#keys.shardOf(name) === shard);
      return this.#isRevoked(token, shard, there);
    });
    return (await Promise.all(answers)).includes(true);
  }

  async #isRevoked(
    token: TokenNames,
    shard: string,
    names: readonly EntryName[],
  ): Promise<boolean> {
    const { trusted, values } = await this.#valuesOf(shard, names);
    const revoked = names.some((name, index) => {
      const value = values[index] ?? null;
      // One that can't be read counts: nobody can say any more what it spares.
      return value !== null && fallsUnder(token, readValue(name, value) ?? {});
    });
    // What is there counts, whatever else has been lost.
    if (revoked || trusted) return revoked;
    throw new MayBeLostError();
  }

  #valuesOf(shard: string, names: readonly EntryName[]): Promise<ShardAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#count >= mostWaiting) {
        reject(new StoreUnavailableError("too many requests wait for redis"));
        return;
      }
      if (this.#waiting.size === 0) setImmediate(() => this.#askAll());
      this.#count += 1;
      const queue = this.#waiting.get(shard);
      if (queue === undefined) this.#waiting.set(shard, [{ names, resolve, reject }]);
      else queue.push({ names, resolve, reject });
    });
  }

  #askAll(): void {
    const shards = [...this.#waiting];
    this.#waiting.clear();
    for (const [shard, queue] of shards) {
      for (let at = 0; at < queue.length; at += lookUpsPerAsk) {
        void this.#askSome(shard, queue.slice(at, at + lookUpsPerAsk));
      }
    }
  }

  async #askSome(shard: string, batch: readonly LookUp[]): Promise<void> {
    try {
      const { trusted, values } = await this.#askShard(
        shard,
        batch.flatMap(({ names }) => names),
      );
      let at = 0;
      for (const { names, resolve } of batch) {
        resolve({ trusted, values: values.slice(at, at + names.length) });
        at += names.length;
      }
    } catch (error) {
      for (const { reject } of batch) reject(error as Error);
    } finally {
      this.#count -= batch.length;
    }
  }
}
