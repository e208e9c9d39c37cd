import { StoreUnavailableError } from "../../errors.ts";
import {
  type EntryName,
  fallsUnder,
  inSession,
  isMeantBySession,
  isRevocation,
  linksOf,
  namesOf,
  ofBegunSession,
  type TokenNames,
} from "../denylist.ts";
import { readTimes } from "../entry-text.ts";
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

/** What stands under a name, and whether its shard can say that nothing does. */
interface Found {
  readonly name: EntryName;
  readonly value: string | null;
  readonly trusted: boolean;
}

const lookUpsPerAsk = 300;
const maxWaiting = 20_000;

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
    const found = await this.#find([...namesOf(token), ...linksOf(token)]);
    const session = sessionIn(found);
    const linked = inSession(token, session);
    if (isRevoked(linked, found)) return "revoked";
    const more = session === undefined ? [] : await this.#find(namesOfSession(session, token));
    const begun = session === undefined ? undefined : begunIn(more, token, session);
    const last =
      begun === undefined ? [] : await this.#find([{ kind: "sub", value: begun.subject }]);
    if (isRevoked(linked, more) || (begun && isRevoked(begun, last))) return "revoked";
    // What is there counts, whatever else has been lost.
    if ([...found, ...more, ...last].every(({ trusted }) => trusted)) return "live";
    throw new MayBeLostError();
  }

  /** The session to which a token was linked; rejects as `ask` does. */
  async sessionOf(token: TokenNames): Promise<string | undefined> {
    const found = await this.#find(linksOf(token));
    const session = sessionIn(found);
    if (session !== undefined || found.every(({ trusted }) => trusted)) return session;
    throw new MayBeLostError();
  }

  async #find(names: readonly EntryName[]): Promise<readonly Found[]> {
    const byShard = new Map<string, EntryName[]>();
    for (const name of names) {
      const shard = this.#keys.shardOf(name);
      const some = byShard.get(shard);
      if (some === undefined) byShard.set(shard, [name]);
      else some.push(name);
    }
    const answers = [...byShard].map(async ([shard, some]) => {
      const { trusted, values } = await this.#valuesOf(shard, some);
      return some.map((name, index): Found => ({ name, value: values[index] ?? null, trusted }));
    });
    return (await Promise.all(answers)).flat();
  }

  #valuesOf(shard: string, names: readonly EntryName[]): Promise<ShardAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#count >= maxWaiting) {
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

function isRevoked(token: TokenNames, found: readonly Found[]): boolean {
  return found.some(
    ({ name, value }) =>
      value !== null &&
      isRevocation(name.kind) &&
      // One that can't be read counts: what it spares is unknown now.
      fallsUnder(token, readTimes(name, value) ?? {}),
  );
}

/** What can tell of a token's session that it has ended: its subject's cut-offs, too, if the token does not say enough. */
function namesOfSession(session: string, token: TokenNames): EntryName[] {
  const own: EntryName = { kind: "sid", value: session };
  return isMeantBySession(token) ? [own, { kind: "ses", value: session }] : [own];
}

/** The token as its session's beginning has it; undefined if that was not asked for, or not noted. */
function begunIn(found: readonly Found[], token: TokenNames, session: string) {
  const beginning = found
    .map(({ name, value }) => (value === null ? undefined : readTimes(name, value)?.beginning))
    .find((each) => each !== undefined);
  if (beginning === undefined) return undefined;
  const begun = ofBegunSession(token, session, beginning);
  const { subject } = begun;
  return subject === undefined ? undefined : { ...begun, subject };
}

function sessionIn(found: readonly Found[]): string | undefined {
  const links = found.filter(({ name }) => name.kind === "lnk");
  return links
    .map(({ name, value }) => (value === null ? undefined : readTimes(name, value)?.session))
    .find((session) => session !== undefined);
}
