import type { Clock } from "../../platform/clock.ts";
import { type Entry, endsWithTokens } from "../denylist.ts";
import type { EmbeddedDenylist } from "../embedded.ts";
import { ignored, type OnIgnored } from "../ignored.ts";
import type { Outbox } from "../journal/outbox.ts";
import { endOfAllIssued, type RememberedLife } from "../retention.ts";
import { BackOff } from "./back-off.ts";
import {
  agreeOnLives,
  formatLives,
  type NeededLives,
  parseLives,
  possibleLives,
  type StoredLives,
} from "./lives-text.ts";
import type { RedisReplica } from "./replica.ts";

/** What is agreed on with the other sidecars, and with whose help. */
export interface FleetLivesOptions {
  readonly local: Pick<EmbeddedDenylist, "lives" | "adoptLives" | "revoke">;
  readonly outbox: Outbox;
  readonly replica: Pick<RedisReplica, "exchangeLives" | "look" | "keys">;
  readonly clock: Clock;
  /** For how long the configuration says that revocations are remembered, in seconds. */
  readonly ownSeconds: number;
  /** Told of changes that were not known here. */
  readonly onChange: (lives: readonly RememberedLife[]) => void;
  /** Told of what stands in Redis and cannot have been written by a revgate. */
  readonly onIgnored?: OnIgnored | undefined;
}

const everyMs = 10_000;
const retryAfterMs = 200;
/** For how long what was read counts; a change is written longer before it comes into force. */
const countsForMs = 30_000;

/**
 * For how long revocations of a session, a subject or a `jti` are remembered by any sidecar of a store.
 *
 * It stands in Redis and in every journal: a sidecar that starts with an empty directory, or with a longer
 * `tokens.maxLifetime`, learns from it which revocations may be forgotten, and holds older tokens to the limit
 * of their time. A sidecar that revokes goes by the longest of the fleet, whatever its own configuration says.
 */
export class FleetLives {
  readonly #options: FleetLivesOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #ownSeconds: number;
  /** The latest time at which a sidecar was seen to need the last life. */
  #claimedAt = 0;
  #expiry: NodeJS.Timeout | undefined;
  readonly #backOff = new BackOff({ firstMs: 200, maxMs: 2000 });
  /** Counts how often it was asked for out of turn. */
  #wanted = 0;
  #wake = () => {};

  constructor(options: FleetLivesOptions) {
    this.#options = options;
    this.#ownSeconds = options.ownSeconds;
    this.#running = this.#run();
  }

  /** Why nothing can be relied on that depends on it; undefined if it was read a moment ago. */
  unread: string | undefined = "the retention of revocations has not been read from redis yet";

  /** Goes by another configuration from now on. */
  configure(seconds: number): void {
    this.#ownSeconds = seconds;
    this.#readAtOnce();
  }

  /** Has it read again: the clock has jumped, and with it what was read may be older than it seems. */
  missed(): void {
    this.#expire();
    this.#readAtOnce();
  }

  /** Entries that name more than one token, kept for as long as the fleet keeps them. */
  lengthen(entries: readonly Entry[]): readonly Entry[] {
    const now = this.#options.clock.nowSeconds();
    const until = endOfAllIssued(now, this.#options.local.lives.longest(now));
    return entries.map((entry) =>
      endsWithTokens(entry.kind) || entry.expiresAt >= until
        ? entry
        : { ...entry, expiresAt: until },
    );
  }

  /** Writes back what is known here; a sidecar that confirms an epoch has done so before. */
  async restore(): Promise<void> {
    if (this.#options.local.lives.list.length > 0) await this.#exchange();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#expiry);
    this.#wake();
    await this.#running;
  }

  #readAtOnce(): void {
    this.#wanted += 1;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      // Redis is away, which is told elsewhere; what was read counts for a while.
      const pauseMs = await this.#read().catch(() => this.#backOff.nextMs(performance.now()));
      if (!signal.aborted) await this.#pause(pauseMs);
    }
  }

  /** Resolves after that time, or when somebody wants it read at once. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Resolves to the pause before the next reading, in milliseconds. */
  async #read(): Promise<number> {
    const { local, replica } = this.#options;
    const [asked, wanted] = [performance.now(), this.#wanted];
    const { state } = await replica.look(replica.keys.feedShard);
    // What the others know is written back before a new epoch is trusted: until then, nothing is no answer.
    const isKnown = local.lives.list.length > 0;
    if (state.kind === "changed" || (state.kind !== "trusted" && !isKnown)) {
      return retryAfterMs;
    }
    const news = await this.#exchange();
    if (news || this.unread !== undefined) this.#lengthenPending();
    // Asked for once more meanwhile: this answer may be too old.
    if (this.#wanted !== wanted) return 0;
    this.unread = undefined;
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => this.#expire(), countsForMs - (performance.now() - asked));
    this.#expiry.unref();
    return everyMs;
  }

  #expire(): void {
    this.unread = "the retention of revocations was read from redis too long ago";
  }

  /** Puts what is known and needed here beside what stands in Redis; resolves to whether there were news. */
  async #exchange(): Promise<boolean> {
    const { replica, local, clock, onChange } = this.#options;
    let found = await replica.exchangeLives("", "");
    for (;;) {
      const now = clock.nowSeconds();
      const [known, inDoubt] = [local.lives.list, clock.doubt !== undefined];
      const stored = this.#readStored(found, { known, now, inDoubt });
      const wanted = agreeOnLives(stored, { known, ownSeconds: this.#ownSeconds, now, inDoubt });
      const text = formatLives(wanted);
      const held = text === found ? found : await replica.exchangeLives(found, text);
      // Somebody else may just have changed it: then that is looked at.
      if (held !== text) {
        found = held;
        continue;
      }
      this.#claimedAt = wanted.claimedAt;
      const isNew = await local.adoptLives(wanted.lives);
      if (isNew) onChange(wanted.lives);
      return isNew;
    }
  }

  /** What stands in Redis and a sidecar can have written. */
  #readStored(
    found: string,
    { known, now, inDoubt }: Omit<NeededLives, "ownSeconds">,
  ): StoredLives {
    const stored = parseLives(found, now);
    const claimedAt = Math.max(stored.claimedAt, this.#claimedAt);
    const lives = possibleLives(stored.lives, { known, now, inDoubt, claimedAt: this.#claimedAt });
    const cause =
      lives.length < stored.lives.length
        ? "a shorter lifetime than a sidecar needed a moment ago"
        : "a text that says no lifetimes";
    const isBelieved = stored.lives.length > 0 && lives.length === stored.lives.length;
    if (found !== "" && !isBelieved) this.#options.onIgnored?.(ignored("lifetimes", cause, found));
    return { claimedAt, lives };
  }

  /** What was revoked before that was read: Redis has not got it yet. */
  #lengthenPending(): void {
    const { outbox, local } = this.#options;
    const pending = outbox.first(outbox.size).filter(({ kind }) => !endsWithTokens(kind));
    const longer = this.lengthen(pending).filter((entry, index) => entry !== pending[index]);
    // A disk that fails is told elsewhere; they are in the outbox anyway.
    if (longer.length > 0) local.revoke(longer).catch(() => {});
  }
}
