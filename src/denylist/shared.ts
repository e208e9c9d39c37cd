import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { RevocationPendingError, StoreUnavailableError } from "../errors.ts";
import type { BegunSession } from "./beginning.ts";
import { watchCutoffs } from "./cutoffs-ahead.ts";
import type {
  Denylist,
  DenylistHealth,
  Entry,
  Intent,
  OnRevoked,
  Standing,
  TokenNames,
} from "./denylist.ts";
import type { RedisSecrets } from "./redis/client.ts";
import { Courier } from "./redis/courier.ts";
import { EpochKeeper } from "./redis/epoch-keeper.ts";
import { FeedFollower } from "./redis/feed-follower.ts";
import { KnownShards } from "./redis/known-shards.ts";
import { MayBeLostError } from "./redis/look-ups.ts";
import { Propagation } from "./redis/propagation.ts";
import { Restorer } from "./redis/restorer.ts";
import { type FleetMember, Roster } from "./redis/roster.ts";
import { trySecrets } from "./redis/secret-trial.ts";
import { SnapshotKeeper } from "./redis/snapshot-keeper.ts";
import { Troubles } from "./redis/troubles.ts";
import type { SharedDenylistOptions } from "./shared-options.ts";

const retryRecoveredMs = 500;
/** How long a request waits for a proof that is late. */
const lateProofMs = 3000;
/** How long a login waits for a table that is being loaded. */
const loadedMs = 20_000;
const elsewhere = "the address of redis may lead to another server now";
const recovering = "revocations made before the last stop are not in force at every sidecar yet";

/**
 * A denylist that several sidecars share through Redis.
 *
 * The table is always trusted for a yes; for a no only while it is fresh: while it is proved to hold all
 * that Redis held a moment ago. The other half of the bargain is the hold: a sidecar that revokes waits, after
 * Redis has acknowledged, until no other can rely on an older table any more. docs/decisions/0010 has the
 * argument, test/model/staleness searches all its cases.
 */
export class SharedDenylist implements Denylist {
  readonly #options: SharedDenylistOptions;
  readonly #courier: Courier;
  readonly #propagation: Propagation;
  readonly #follower: FeedFollower;
  readonly #restorer: Restorer;
  readonly #troubles: Troubles;
  readonly #roster: Roster;
  readonly #snapshots: SnapshotKeeper;
  readonly #closing = new AbortController();
  /** Ends the trial of secrets that are not the last any more. */
  #trial: AbortController | undefined;
  /** No request is let through until what the last process left unsent is in force everywhere. */
  #recovering: boolean;

  constructor(options: SharedDenylistOptions) {
    this.#options = options;
    // As many revocations as there are may be held at a time.
    setMaxListeners(0, this.#closing.signal);
    const { local, outbox, replica, lives, onEpoch, onTrouble } = options;
    const { journal } = local;
    const watch = watchCutoffs(
      options.clock,
      options.apartSeconds ?? (() => 0),
      options.onCutoffAhead ?? (() => {}),
    );
    const troubles = new Troubles((source, reason) => onTrouble?.(source, reason));
    const [known, roster] = [new KnownShards(), new Roster(replica, options.noticeMs)];
    const keeper = new EpochKeeper({
      ...{ ...options, roster },
      hasShared: () => local.size > outbox.size,
    });
    const reports = (source: "send" | "restore") => (reason: string | undefined) =>
      troubles.set(source, reason);
    this.#troubles = troubles;
    this.#roster = roster;
    this.#courier = new Courier({
      ...{ ...options, journal, known, onTrouble: reports("send") },
      whyNotNow: () => lives?.unread,
    });
    this.#restorer = new Restorer({
      ...{ ...options, journal, known, roster },
      onTrouble: reports("restore"),
      restoreLives: () => lives?.restore() ?? Promise.resolve(),
    });
    this.#follower = new FeedFollower({
      ...{ ...options, known, keeper, roster, troubles },
      isWatched: () => options.isWatched?.() ?? false,
      onEntries(entries) {
        watch(entries);
        local.learn(entries);
      },
      onEpoch: (epoch) => onEpoch?.(epoch),
      onLacking: (shards) => this.#restorer.restore(shards),
    });
    const [{ signal }, { freshness }, courier] = [this.#closing, this.#follower, this.#courier];
    this.#propagation = new Propagation({ ...options, courier, known, freshness, signal });
    this.#snapshots = this.#keepSnapshots();
    const unsent = outbox.first(outbox.size);
    this.#recovering = unsent.length > 0;
    if (this.#recovering) void this.#recover(unsent);
  }

  #keepSnapshots(): SnapshotKeeper {
    const { local, snapshots } = this.#options;
    return new SnapshotKeeper({
      ...{ ...this.#options, journal: local.journal, roster: this.#roster, ...snapshots },
      size: () => local.size,
      forgottenUntil: () => local.forgottenUntil,
      isWhole: () => local.health().ready,
      applied: () => this.#follower.applied,
    });
  }

  get size(): number {
    return this.#options.local.size;
  }

  /** How old the proof is that the table has everything, in seconds; Infinity while it does not. */
  get stalenessSeconds(): number {
    const { freshness } = this.#follower;
    return freshness.complete ? freshness.ageMs() / 1000 : Number.POSITIVE_INFINITY;
  }

  /** How old that proof may be for memory to be trusted alone, in seconds; 0 until Redis has told. */
  get stalenessLimitSeconds(): number {
    return this.#follower.freshness.stalenessMs / 1000;
  }

  /** The sidecars that share the store, as far as this one has heard of them. */
  get fleet(): readonly FleetMember[] {
    return this.#roster.heard(performance.now());
  }

  // Handed on without its object by those who ask on every request.
  readonly lookUp = (token: TokenNames): Standing => {
    const { local, reads } = this.#options;
    if (this.#recovering) return "ask";
    if (local.lookUp(token) === "revoked") return "revoked";
    return reads === "local" && this.#follower.isFresh() ? "live" : "ask";
  };

  async ask(token: TokenNames): Promise<"revoked" | "live"> {
    const { local, whenUnavailable } = this.#options;
    try {
      if (this.#recovering) throw new StoreUnavailableError(recovering);
      return await this.#askRedis(token);
    } catch (error) {
      const proved = error instanceof MayBeLostError && (await this.#isProvedSoon());
      const standing = proved ? this.lookUp(token) : "ask";
      if (standing !== "ask") return standing;
      this.#troubles.set("ask", (error as Error).message);
      if (whenUnavailable === "serve-known") return local.ask(token);
      throw error;
    }
  }

  async #askRedis(token: TokenNames): Promise<"revoked" | "live"> {
    const standing = await this.#options.replica.ask(token);
    if (standing === "live" && this.#follower.mayEvict) {
      throw new StoreUnavailableError("redis may have evicted it");
    }
    if (standing === "live" && !this.#follower.freshness.isAgreed()) {
      throw new StoreUnavailableError(elsewhere);
    }
    return standing;
  }

  /** Whether the table, whose proof is late while Redis is filled again, has one soon. */
  async #isProvedSoon(): Promise<boolean> {
    if (this.#options.reads !== "local") return false;
    return this.#follower.freshness.freshWithin(lateProofMs);
  }

  knownSession(token: TokenNames): string | undefined {
    return this.#options.local.knownSession(token);
  }

  async sessionOf(token: TokenNames): Promise<string | undefined> {
    const { local, reads, replica } = this.#options;
    const known = local.knownSession(token);
    if (known !== undefined) return known;
    if (this.#recovering) throw new StoreUnavailableError(recovering);
    if (reads === "local" && this.#follower.isFresh()) return undefined;
    return replica.sessionOf(token);
  }

  knownBeginning(session: string): string | undefined {
    return this.#options.local.knownBeginning(session);
  }

  /** By memory, whatever `reads` says: which sessions a subject has is under no key of Redis. */
  async sessionsOf(subjects: readonly string[]): Promise<readonly BegunSession[]> {
    if (this.#recovering) throw new StoreUnavailableError(recovering);
    const { freshness } = this.#follower;
    const { local, replica } = this.#options;
    // A sidecar that has just started loads what there is first.
    const isFresh =
      this.#follower.isFresh() || (await freshness.freshWithin(loadedMs, () => replica.up));
    if (!isFresh) throw new StoreUnavailableError("which sessions a subject has is not known now");
    return local.sessionsOf(subjects);
  }

  revoke(entries: readonly Entry[]): Promise<void> {
    const kept = this.#lengthen(entries);
    return this.#share(kept, () => this.#options.local.revoke(kept));
  }

  async intend(entries: readonly Entry[]): Promise<Intent> {
    const intent = await this.#options.local.intend(this.#lengthen(entries));
    return {
      revoke: (revoked = entries) => {
        const kept = this.#lengthen(revoked);
        return this.#share(kept, () => intent.revoke(kept));
      },
      drop: intent.drop,
    };
  }

  #lengthen(entries: readonly Entry[]): readonly Entry[] {
    return this.#options.lives?.lengthen(entries) ?? entries;
  }

  /** In the journal first, then to Redis, then held until it is in force everywhere. */
  async #share(entries: readonly Entry[], record: () => Promise<void>): Promise<void> {
    const now = this.#options.clock.nowSeconds();
    const live = entries.filter((entry) => entry.expiresAt > now);
    // Before the disk has it: a disk that fails must not keep the others from learning of it.
    const sent = live.length === 0 ? undefined : this.#propagation.putInForce(live);
    const [recorded, shared] = await Promise.allSettled([record(), sent]);
    if (recorded.status === "rejected") throw recorded.reason;
    if (shared.status === "rejected") {
      const reason = "recorded here, but possibly not in force at every sidecar yet";
      throw new RevocationPendingError(reason, shared.reason);
    }
  }

  async #recover(unsent: readonly Entry[]): Promise<void> {
    while (this.#recovering && !this.#closing.signal.aborted) {
      try {
        await this.#propagation.putInForce(unsent);
        this.#recovering = false;
      } catch {
        // Whatever is in the way is in health(); they stay in the outbox.
        await sleep(retryRecoveredMs, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    }
  }

  /** Something may have been missed that no part of the store tells: all is loaded and compared anew. */
  reload(): void {
    this.#follower.reload();
  }

  /**
   * Tries other secrets at once, and uses them from the next connection on when Redis has taken them; resolves
   * to whether it has (false: there are others by now, or it is closed).
   */
  adopt(secrets: RedisSecrets): Promise<boolean> {
    const { replica } = this.#options;
    this.#trial?.abort();
    this.#trial = new AbortController();
    const signal = AbortSignal.any([this.#trial.signal, this.#closing.signal]);
    const onOutcome = (why: string | undefined) => {
      this.#troubles.set("secrets", why);
      if (why === undefined) replica.adopt(secrets);
    };
    return trySecrets(replica.optionsWith(secrets), onOutcome, signal);
  }

  onRevoked(listener: OnRevoked): void {
    this.#options.local.onRevoked(listener);
  }

  entries(): AsyncIterable<Entry> {
    return this.#options.local.entries();
  }

  health(): DenylistHealth {
    const { replica, local, whenUnavailable } = this.#options;
    const own = local.health();
    if (!own.ready) return own;
    const reason = replica.up ? this.#whatIsInTheWay() : replica.whyDown;
    // What is only late keeps no sidecar from being ready, and is told.
    if (reason === undefined)
      return { ...own, reason: this.#troubles.reasonOf("send", "restore", "secrets") };
    return { ready: whenUnavailable === "serve-known", reason };
  }

  #whatIsInTheWay(): string | undefined {
    if (this.#recovering) return recovering;
    const trouble = this.#troubles.reasonOf("follow", "name", "load", "ask");
    if (trouble !== undefined) return trouble;
    // Then no token is cleared: neither from memory nor by asking.
    return this.#follower.freshness.isAgreed() ? undefined : elsewhere;
  }

  async close(): Promise<void> {
    await this.#courier.close();
    await this.#options.lives?.close();
    this.#closing.abort();
    await this.#snapshots.close();
    await this.#follower.leave();
    this.#options.replica.close();
    await this.#restorer.close();
    await this.#follower.close();
    await this.#options.local.close();
  }
}
