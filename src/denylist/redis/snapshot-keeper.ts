import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "../../errors.ts";
import type { Clock, EpochSeconds } from "../../platform/clock.ts";
import type { Entry } from "../denylist.ts";
import type { Journal } from "../journal/journal.ts";
import type { Tail } from "./log-line.ts";
import type { RedisReplica } from "./replica.ts";
import type { Roster } from "./roster.ts";
import type { SnapshotHead } from "./snapshot-head.ts";
import type { FoundHead, Since } from "./snapshots.ts";
import type { Epoch } from "./store-state.ts";

/** When a snapshot is written, and of what. */
export interface SnapshotKeeperOptions {
  readonly replica: RedisReplica;
  readonly journal: Pick<Journal, "entries">;
  readonly roster: Pick<Roster, "share" | "metOlder">;
  /** By this, what is over is forgotten. */
  readonly clock: Clock;
  /** How many entries this sidecar holds. */
  readonly size: () => number;
  /** Up to which deadline it has forgotten revocations as over. */
  readonly forgottenUntil: () => EpochSeconds;
  /** Whether its journal has all of them. */
  readonly isWhole: () => boolean;
  /** Up to which line of the feed it has everything; undefined while it is unsure of that. */
  readonly applied: () => { readonly tail: Tail; readonly epoch: Epoch } | undefined;
  /** How often it looks whether there is something to do, in milliseconds. */
  readonly everyMs?: number | undefined;
  /** With fewer entries, none is worth its while: a newcomer loads them in a moment. */
  readonly minEntries?: number | undefined;
  /** So many lines of the feed are added together. */
  readonly minLines?: number | undefined;
}

const entriesPerPart = 2000;
/** Half as long as a snapshot lives. */
const maxAgeSeconds = 86_400;
/** How often everything is written anew, at most. */
const minApartMs = 5 * 60_000;
/** So that a part does not follow on the heels of another. */
const pauseMs = 2;

type Applied = NonNullable<ReturnType<SnapshotKeeperOptions["applied"]>>;

/**
 * Keeps a snapshot in Redis by which newcomers load: one sidecar of all writes it, from its journal, and adds what the feed
 * tells. A newcomer that finds none, or one that is not good, loads the keys one by one.
 */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  readonly #minEntries: number;
  readonly #minLines: number;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();
  #working: Promise<void> | undefined;
  #writtenMs = Number.NEGATIVE_INFINITY;

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options;
    this.#minEntries = options.minEntries ?? 50_000;
    this.#minLines = options.minLines ?? 500;
    // In a Cluster, shards are loaded by their slots.
    if (options.replica.keys.spread) return;
    this.#timer = setInterval(() => this.#work(), options.everyMs ?? 10_000);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#working;
  }

  #work(): void {
    const { roster, size, isWhole, applied } = this.#options;
    const at = applied();
    if (at === undefined || size() < this.#minEntries || !isWhole() || roster.metOlder) return;
    // All agree on who is the first, but for a moment; two of them only do the same twice.
    if (roster.share(performance.now()) !== 0) return;
    this.#working ??= this.#keep(at)
      // It is tried again; without a snapshot newcomers only take longer.
      .catch(() => {})
      .finally(() => {
        this.#working = undefined;
      });
  }

  async #keep(at: Applied): Promise<void> {
    const { replica, clock } = this.#options;
    const found = await replica.snapshots.find(at.epoch);
    const { head } = found;
    const isGood =
      head !== undefined &&
      clock.nowSeconds() - head.madeAt < maxAgeSeconds &&
      head.entries < 2 * Math.max(head.firstEntries, this.#minEntries);
    if (isGood && (await this.#add(head, found, at.epoch))) return;
    if (performance.now() - this.#writtenMs < minApartMs) return;
    await this.#write(found, at);
    this.#writtenMs = performance.now();
  }

  /** Adds what has come since; resolves to false if that can't be known any more. */
  async #add(head: SnapshotHead, found: FoundHead, epoch: Epoch): Promise<boolean> {
    const { snapshots } = this.#options.replica;
    const entries: Entry[] = [];
    let tail = head.tail;
    let some: Since | undefined;
    for await (some of snapshots.since(head.tail, epoch)) {
      if (some === undefined) return false;
      entries.push(...some.entries);
      tail = some.tail;
    }
    if (entries.length < this.#minLines) return true;
    let { parts } = head;
    for (let from = 0; from < entries.length; from += entriesPerPart) {
      await snapshots.putPart(head.id, parts, entries.slice(from, from + entriesPerPart));
      parts += 1;
    }
    await snapshots.putHead(
      { ...head, parts, entries: head.entries + entries.length, tail },
      found,
    );
    return true;
  }

  /** Writes everything anew: what is known up to a line of the feed, from before it is read. */
  async #write(found: FoundHead, { tail, epoch }: Applied): Promise<void> {
    const { replica, journal, clock, forgottenUntil } = this.#options;
    const id = randomBytes(6).toString("base64url");
    const madeAt = Math.floor(clock.nowSeconds());
    const waiting: Entry[] = [];
    let parts = 0;
    let entries = 0;
    const put = async () => {
      const some = waiting.splice(0, entriesPerPart);
      await replica.snapshots.putPart(id, parts, some);
      parts += 1;
      entries += some.length;
      await sleep(pauseMs, undefined, { signal: this.#closing.signal });
    };
    for await (const some of journal.entries()) {
      waiting.push(...some);
      while (waiting.length >= entriesPerPart) await put();
    }
    if (waiting.length > 0) await put();
    this.#checkWhole(epoch);
    // The journal leaves out what is over, too.
    const lacksUntil = Math.ceil(Math.max(forgottenUntil(), clock.nowSeconds()));
    const counts = { parts, firstEntries: entries, entries };
    const head = { epochId: epoch.id, id, ...counts, madeAt, lacksUntil, tail };
    await replica.snapshots.putHead(head, found);
  }

  /** The journal may have been damaged while it was read. */
  #checkWhole(epoch: Epoch): void {
    const { isWhole, applied } = this.#options;
    const now = applied();
    if (!isWhole() || now === undefined || now.epoch.id !== epoch.id) {
      throw new StoreUnavailableError("redis has changed during a snapshot");
    }
  }
}
