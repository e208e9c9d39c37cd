import type { EpochSeconds } from "../../platform/clock.ts";
import { type Entry, type EntryName, keyOfName } from "../denylist.ts";
import { joinEntries, says } from "../joined-entries.ts";
import type { JournalRecord } from "./record.ts";

/**
 * What Redis has not acknowledged, in the order in which it was revoked; the journal makes it durable.
 *
 * It also remembers under which epoch each part of the store was last known to hold all the rest.
 */
export class Outbox {
  readonly #pending = new Map<string, Entry>();
  readonly #known = new Map<string, string>();

  get size(): number {
    return this.#pending.size;
  }

  /** Puts an entry last; it counts as unacknowledged even if an earlier one of its name was acknowledged. */
  add(entry: Entry): void {
    const key = keyOfName(entry);
    const earlier = this.#pending.get(key);
    this.#pending.delete(key);
    this.#pending.set(key, earlier === undefined ? entry : joinEntries(earlier, entry));
  }

  /** Sees to it that an entry is pending; changes nothing if what is pending says as much. */
  ensure(entry: Entry): void {
    const pending = this.get(entry);
    if (pending === undefined || !says(pending, entry)) this.add(entry);
  }

  has(name: EntryName): boolean {
    return this.#pending.has(keyOfName(name));
  }

  /** What is pending under a name. */
  get(name: EntryName): Entry | undefined {
    return this.#pending.get(keyOfName(name));
  }

  /** The oldest entries, at most `count`. */
  first(count: number): Entry[] {
    const entries: Entry[] = [];
    for (const entry of this.#pending.values()) {
      if (entries.length >= count) break;
      entries.push(entry);
    }
    return entries;
  }

  /** Takes out entries that `first` gave; returns those that were not added anew meanwhile. */
  acknowledge(entries: readonly Entry[]): Entry[] {
    const done = entries.filter((entry) => this.#pending.get(keyOfName(entry)) === entry);
    for (const entry of done) this.#pending.delete(keyOfName(entry));
    return done;
  }

  /** What has expired is of no interest to Redis any more. */
  dropExpired(now: EpochSeconds): void {
    for (const [key, entry] of this.#pending) if (entry.expiresAt <= now) this.#pending.delete(key);
  }

  /** Whether all acknowledged entries are known to be in that part of the store under that epoch. */
  knows(shard: string, epoch: string): boolean {
    return this.#known.get(shard) === epoch;
  }

  /** Follows a record that was read from the journal, or is about to be written to it. */
  replay(record: JournalRecord): void {
    if (record.verb === "revoked") this.add(record.entry);
    else if (record.verb === "acked") this.#pending.delete(keyOfName(record.name));
    else if (record.verb === "known") this.#known.set(record.shard, record.epoch);
  }

  /** The records that say what it knows of the store's parts. */
  records(): JournalRecord[] {
    return [...this.#known].map(([shard, epoch]) => ({ verb: "known", shard, epoch }));
  }
}
