import { type EntryName, entryKinds } from "../denylist.ts";
import { isSoundName } from "../sound.ts";

/**
 * How the store is laid out: keys, and the shards they belong to.
 *
 * A server by itself is one shard, "", and its keys are as plain as `revgate:tok:<hash>`. In a Cluster
 * each node may lose its data alone, so entries are spread over 64 shards by the first character of their
 * hash, each a slot with an epoch and a log of its own (`revgate:{A}:tok:A…`), and the feed is a shard by
 * itself. If there is one shard, the feed is its log.
 */
export class KeySpace {
  readonly #prefix: string;
  readonly #spread: boolean;

  constructor(prefix: string, { spread }: { readonly spread: boolean }) {
    this.#prefix = prefix;
    this.#spread = spread;
  }

  /** Where the feed is. */
  get feedShard(): string {
    return this.#spread ? "feed" : "";
  }

  /** All shards that hold entries. */
  get entryShards(): readonly string[] {
    return this.#spread ? [...base64url] : [""];
  }

  /** Whether there is a shard of that name. */
  hasShard(shard: string): boolean {
    return shard === this.feedShard || this.entryShards.includes(shard);
  }

  shardOf({ value }: EntryName): string {
    return this.#spread ? value.slice(0, 1) : "";
  }

  /**
   * The keys that every script is given first: the shard's epoch, its grace period, the guard that goes when
   * keys may have gone, the sidecars that are waited for, and the log of what was written.
   */
  stateKeys(shard: string): [string, string, string, string, string] {
    const start = this.#startOf(shard);
    const log = shard === this.feedShard ? "feed" : "log";
    return [`${start}epoch`, `${start}grace`, `${start}guard`, `${start}awaited`, `${start}${log}`];
  }

  /** The sidecars there are, and whether some are of an older form. */
  get rosterKeys(): [string, string] {
    const start = this.#startOf(this.feedShard);
    return [`${start}sidecars`, `${start}older`];
  }

  /** Where it stands in which forms names are made. */
  get nameFormsKey(): string {
    return `${this.#startOf(this.feedShard)}names`;
  }

  /** Where it stands whose names have no issuer. */
  get mainIssuerKey(): string {
    return `${this.#startOf(this.feedShard)}issuer`;
  }

  /** Where it stands which claims name subjects and sessions, and did before. */
  get readingsKey(): string {
    return `${this.#startOf(this.feedShard)}claims`;
  }

  /** Where it stands since when revocations are remembered for how long. */
  get livesKey(): string {
    return `${this.#startOf(this.feedShard)}lifetimes`;
  }

  /** Where it stands which snapshot there is of a server by itself. */
  get snapshotKey(): string {
    return `${this.#prefix}snapshot`;
  }

  /** A part of a snapshot. */
  snapshotPartKey(id: string, number: number): string {
    return `${this.snapshotKey}:${id}:${number}`;
  }

  keyOf(name: EntryName): string {
    return `${this.#startOf(this.shardOf(name))}${name.kind}:${name.value}`;
  }

  /** Whether entries are spread over shards, each with a log beside the feed. */
  get spread(): boolean {
    return this.#spread;
  }

  /** A pattern of SCAN that matches every entry's key, and little else. */
  get pattern(): string {
    const prefix = this.#prefix.replace(/[\\*?[\]]/g, "\\$&");
    return `${prefix}${this.#spread ? "{?}:" : ""}???:*`;
  }

  /** The name in an entry's key, or undefined where it is another key. */
  nameOf(key: string): EntryName | undefined {
    const end = key.length - valueLength;
    const kind = entryKinds.find((each) => key.startsWith(`${each}:`, end - 4));
    if (kind === undefined) return undefined;
    const name = { kind, value: key.slice(end) };
    const start = this.#startOf(this.shardOf(name));
    return start.length === end - 4 && key.startsWith(start) && isSoundName(name)
      ? name
      : undefined;
  }

  #startOf(shard: string): string {
    return shard === "" ? this.#prefix : `${this.#prefix}{${shard}}:`;
  }
}

const valueLength = 43;
const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
