import { RevocationPendingError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { Denylist, DenylistHealth, Entry, EntryName, Intent, Standing } from "./denylist.ts";
import type { EmbeddedDenylist } from "./embedded-denylist.ts";
import type { RedisReplica } from "./redis-replica.ts";

/** The two parts of a shared denylist, and what holds while one is away. */
export interface SharedDenylistOptions {
  /** What this sidecar knows by itself: its table answers a yes, its journal is the outbox. */
  readonly local: EmbeddedDenylist;
  readonly replica: RedisReplica;
  readonly clock: Clock;
  /** What a request gets while Redis does not answer: a refusal, or the table's word. */
  readonly whenUnavailable: "deny" | "serve-known";
  /** Told how many revocations Redis has not acknowledged. */
  readonly onPending?: (count: number) => void;
}

const entriesPerSend = 1000;
const resendAfterMs = 1000;

/**
 * A denylist that several sidecars share through Redis, asked on every request (`reads: every-request`).
 *
 * The table is trusted for a yes, never for a no. A revocation is in the journal before it is sent, so
 * that Redis being away delays it and nothing loses it; whenever Redis comes back, all that the journal
 * holds is sent again, because a Redis that was away may have forgotten.
 */
export class SharedDenylist implements Denylist {
  readonly #options: SharedDenylistOptions;
  readonly #pending = new Map<string, Entry>();
  readonly #retry: NodeJS.Timeout;
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(options: SharedDenylistOptions) {
    this.#options = options;
    options.replica.onReady(() => void this.#resend());
    this.#retry = setInterval(() => {
      this.#dropExpired();
      if (this.#pending.size > 0 && options.replica.up) void this.#resend();
    }, resendAfterMs);
    this.#retry.unref();
  }

  get size(): number {
    return this.#options.local.size;
  }

  // Handed on without its object by those who ask on every request.
  readonly lookUp = (name: EntryName): Standing =>
    this.#options.local.lookUp(name) === "revoked" ? "revoked" : "ask";

  async ask(name: EntryName): Promise<"revoked" | "live"> {
    const { replica, local, whenUnavailable } = this.#options;
    try {
      return (await replica.has(name)) ? "revoked" : "live";
    } catch (error) {
      if (whenUnavailable === "serve-known") return local.ask(name);
      throw error;
    }
  }

  revoke(entries: readonly Entry[]): Promise<void> {
    return this.#share(entries, () => this.#options.local.revoke(entries));
  }

  async intend(entries: readonly Entry[]): Promise<Intent> {
    const intent = await this.#options.local.intend(entries);
    return { revoke: () => this.#share(entries, intent.revoke), drop: intent.drop };
  }

  /** In the journal first, then to Redis. */
  async #share(entries: readonly Entry[], record: () => Promise<void>): Promise<void> {
    this.#setPending(entries, true);
    await record();
    try {
      await this.#options.replica.put(entries);
    } catch (error) {
      throw new RevocationPendingError("recorded here, but redis has not acknowledged it", error);
    }
    this.#setPending(entries, false);
  }

  entries(): AsyncIterable<Entry> {
    const { replica, local } = this.#options;
    return replica.up ? replica.entries() : local.entries();
  }

  health(): DenylistHealth {
    const { replica, local, whenUnavailable } = this.#options;
    const own = local.health();
    if (!own.ready || replica.up) return own;
    return { ready: whenUnavailable === "serve-known", reason: "redis is not connected" };
  }

  async close(): Promise<void> {
    clearInterval(this.#retry);
    if (this.#pending.size > 0 && this.#options.replica.up) await this.#resend();
    this.#closed = true;
    await this.#sending;
    await this.#options.replica.close();
    await this.#options.local.close();
  }

  /** What has expired while Redis was away is of no interest to it any more. */
  #dropExpired(): void {
    const now = this.#options.clock.nowSeconds();
    const expired = [...this.#pending.values()].filter((entry) => entry.expiresAt <= now);
    if (expired.length > 0) this.#setPending(expired, false);
  }

  #setPending(entries: readonly Entry[], isPending: boolean): void {
    for (const entry of entries) {
      const key = `${entry.kind}:${entry.value}`;
      if (isPending) this.#pending.set(key, entry);
      else this.#pending.delete(key);
    }
    this.#options.onPending?.(this.#pending.size);
  }

  #resend(): Promise<void> {
    this.#sending ??= this.#sendJournal().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #sendJournal(): Promise<void> {
    let batch: Entry[] = [];
    const send = async () => {
      const sent = batch;
      batch = [];
      await this.#options.replica.put(sent);
      this.#setPending(sent, false);
    };
    try {
      for await (const entry of this.#options.local.entries()) {
        if (this.#closed) return;
        if (batch.push(entry) >= entriesPerSend) await send();
      }
      await send();
    } catch {
      // Redis went away again: what was not acknowledged stays pending and is sent when it is back.
    }
  }
}
