import { randomBytes } from "node:crypto";
import type { RedisReplica } from "./replica.ts";

/** For how long a sidecar is taken to live after its last beat, at least. */
const minLivesForMs = 10_000;
/** The first beats follow each other sooner: then a sidecar has heard every other. */
const quickBeats = 3;
/** How much rarer the others are. */
const slower = 3;
/** So many times the interval of the first beats after them, every sidecar that beats has been heard. */
const knowsAfter = slower + 0.5;
/**
 * What all sidecars together may have Redis tell of each other: a look costs as much as there are sidecars, and each
 * looks. By members: how far apart looks are, at least; and if sidecars have come since.
 */
const lookEveryMs = { always: 50, ifMore: 2 } as const;

/** A sidecar of the fleet as another one knows it. */
export interface FleetMember {
  readonly isSelf: boolean;
  /** How long ago its last beat was heard here, in milliseconds. */
  readonly silentMs: number;
}

interface Member {
  readonly count: string;
  readonly changedMs: number;
}

/**
 * The sidecars that share the store and live: those that are waited for when it has lost something.
 *
 * Each beats again and again in the feed's shard, and looks now and then who else does. Beats that change tell
 * which live, by the clock of the one that looks; what is remembered outlives a store that has lost everything.
 */
export class Roster {
  /** The name of this sidecar, for as long as the process lives. */
  readonly self = randomBytes(9).toString("base64url");
  readonly #replica: RedisReplica;
  readonly #beatEveryMs: number;
  readonly #members = new Map<string, Member>();
  #firstMs: number | undefined;
  #beatMs = Number.NEGATIVE_INFINITY;
  #lookMs = Number.NEGATIVE_INFINITY;
  #looks = 0;
  /** How many have beaten, those included that left or died, as last looked. */
  #seen = 0;
  #older = false;
  #sawOlder = false;
  #metOlder = false;
  #left = false;

  /** `beatEveryMs`: how often a sidecar says that it lives, in the beginning. */
  constructor(replica: RedisReplica, beatEveryMs: number) {
    this.#replica = replica;
    this.#beatEveryMs = beatEveryMs;
  }

  /** A line came from a sidecar of an older form, which neither beats nor confirms. */
  sawOlder(): void {
    this.#sawOlder = true;
    this.#metOlder = true;
  }

  /** Whether this sidecar has ever met one of an older form. */
  get metOlder(): boolean {
    return this.#metOlder;
  }

  /**
   * Beats if it is time, and looks who else does. `hasPast`: the store had an epoch before this one; if no sidecar
   * ever beat in it, it was one of sidecars of an older form. `sidecars`: how many have beaten; undefined if that
   * is not known, and each beat looks.
   */
  async beat(nowMs: number, hasPast: boolean, sidecars?: number): Promise<void> {
    if (this.#left) return;
    const hasToBeat = nowMs - this.#beatMs >= this.#everyMs;
    if (sidecars === undefined ? hasToBeat : this.#hasToLook(nowMs, { hasToBeat, sidecars })) {
      await this.#look(nowMs, hasPast);
    } else if (hasToBeat) {
      await this.#replica.epochs.sign(this.self);
      this.#beatMs = nowMs;
    }
  }

  get #everyMs(): number {
    return (this.#looks < quickBeats ? 1 : slower) * this.#beatEveryMs;
  }

  #hasToLook(
    nowMs: number,
    { hasToBeat, sidecars }: { readonly hasToBeat: boolean; readonly sidecars: number },
  ): boolean {
    if (this.#looks < quickBeats || this.#sawOlder) return hasToBeat;
    const sinceMs = nowMs - this.#lookMs;
    // One that has come is not waited for before it was seen.
    if (sidecars !== this.#seen) {
      return sinceMs >= Math.max(this.#beatEveryMs, lookEveryMs.ifMore * this.#members.size);
    }
    return hasToBeat && sinceMs >= lookEveryMs.always * this.#members.size;
  }

  async #look(nowMs: number, hasPast: boolean): Promise<void> {
    const { counts, older } = await this.#replica.epochs.beat(this.self, {
      leaves: false,
      died: this.#dead(nowMs),
      sawOlder: this.#sawOlder,
    });
    this.#looks += 1;
    this.#seen = counts.size;
    this.#lookMs = nowMs;
    this.#beatMs = nowMs;
    this.#sawOlder = this.#firstMs === undefined && hasPast && counts.size === 1;
    this.#older = older || this.#sawOlder;
    this.#metOlder ||= this.#older;
    this.#firstMs ??= nowMs;
    for (const [sidecar, count] of counts) {
      if (count === "left") this.#members.delete(sidecar);
      if (count === "left" || this.#members.get(sidecar)?.count === count) continue;
      this.#members.set(sidecar, { count, changedMs: nowMs });
    }
  }

  /** Says that this one need not be waited for any more. */
  async leave(): Promise<void> {
    this.#left = true;
    await this.#replica.epochs.beat(this.self, { leaves: true, died: [], sawOlder: false });
  }

  /**
   * The sidecars to wait for, this one included; none if it is unknown who there is: shortly after the start,
   * and while sidecars of an older form may be about.
   */
  awaited(nowMs: number): string[] {
    if (this.#older || this.#firstMs === undefined) return [];
    if (nowMs - this.#firstMs < knowsAfter * this.#beatEveryMs) return [];
    return this.#living(nowMs);
  }

  /**
   * Where this sidecar begins a task that all have, from 0 to 1: each elsewhere, so that most of what one comes to
   * was done by another.
   */
  share(nowMs: number): number {
    const living = this.#living(nowMs).sort();
    return living.indexOf(this.self) / living.length;
  }

  /** This one, and each that was heard and is not taken to have left or died. */
  heard(nowMs: number): FleetMember[] {
    const others = [...this.#members].filter(([sidecar]) => sidecar !== this.self);
    const heard = others.map(([, { changedMs }]) => ({
      isSelf: false,
      silentMs: nowMs - changedMs,
    }));
    return [{ isSelf: true, silentMs: Math.max(0, nowMs - this.#beatMs) }, ...heard];
  }

  /** Looks may be far apart: a sidecar that had beaten by the last one is taken to live until the next. */
  get #livesForMs(): number {
    return Math.max(minLivesForMs, 2.5 * lookEveryMs.always * this.#members.size);
  }

  /** This one and all that it has heard of late. */
  #living(nowMs: number): string[] {
    const livesForMs = this.#livesForMs;
    const living = [...this.#members].filter(([, member]) => nowMs - member.changedMs < livesForMs);
    return [...new Set([this.self, ...living.map(([sidecar]) => sidecar)])];
  }

  /** Those that have not beaten for long; forgotten here, too. */
  #dead(nowMs: number): string[] {
    const diedForMs = 6 * this.#livesForMs;
    const dead = [...this.#members].filter(
      ([sidecar, { changedMs }]) => sidecar !== this.self && nowMs - changedMs > diedForMs,
    );
    for (const [sidecar] of dead) this.#members.delete(sidecar);
    return dead.map(([sidecar]) => sidecar);
  }
}
