import { setTimeout as sleep } from "node:timers/promises";
import { elapsedMs, type Moment, type Stopwatch, systemStopwatch } from "../../platform/clock.ts";
import type { ClaimNames } from "../claims.ts";
import type { Algorithm } from "./algorithms.ts";
import { parseJwks } from "./jwks.ts";
import type { KeyRing } from "./key-ring.ts";
import { downloadKeySet } from "./key-set-download.ts";
import type { VerificationKey } from "./verification-key.ts";

/** Where a key set is, and how it is fetched. Times in milliseconds. */
export interface RemoteKeysOptions {
  readonly url: URL;
  /** Certificate authorities besides those that Node trusts, in PEM. */
  readonly ca?: Buffer | undefined;
  /** The proxy that it is fetched through. */
  readonly proxy?: URL | undefined;
  readonly algorithms: readonly Algorithm[];
  readonly timeoutMs: number;
  /** The largest set, in bytes. */
  readonly maxBytes: number;
  /** How often it is fetched without anybody asking. */
  readonly refreshMs: number;
  /** Min time from the end of a fetch caused by an unknown `kid` to the next such fetch. */
  readonly coolDownMs: number;
  /** Set if tokens of these keys say in claims of their own whose they are. */
  readonly claims?: ClaimNames | undefined;
  /** How long a set is trusted after it was fetched; then its keys are dropped. */
  readonly maxAgeMs: number;
  /** Where time comes from; tests bring their own. */
  readonly now?: Stopwatch;
  /** Told how each fetch ended: with an error, or with how many keys there are. */
  readonly onFetch: (result: Error | number) => void;
  /** Told which keys of another set are left out, and why. */
  readonly onLeftOut?: (keys: readonly string[]) => void;
}

/** Min time from the end of a fetch that was sought to the next such fetch. */
const soughtPauseMs = 1000;

/**
 * The keys that an issuer publishes (`jwks_uri`, RFC 8414 section 2), kept up to date.
 *
 * The last set that could be used stays until there is another, for `maxAgeMs` at most: an issuer that
 * withdraws a key must not depend on an attacker who keeps its set from being fetched. However many tokens ask
 * for an unknown key, there is one fetch at a time, and one in `coolDownMs`. A search for a key waits for a fetch
 * instead, of which there is one in a second (docs/decisions/0044).
 */
export class RemoteKeys implements KeyRing {
  readonly mayGet = (alg: unknown) => this.#options.algorithms.includes(alg as Algorithm);
  keys: readonly VerificationKey[] = [];
  trouble: string | undefined;
  readonly #options: RemoteKeysOptions;
  readonly #now: Stopwatch;
  readonly #listeners: (() => void)[] = [];
  #closed = false;
  #download: AbortController | undefined;
  #text: string | undefined;
  readonly #beganAt: Moment;
  #fetchedAt: Moment | undefined;
  #fetching: Promise<void> | undefined;
  #searchedAtMs = Number.NEGATIVE_INFINITY;
  /** The next fetch that is sought, as long as it has not begun. */
  #sought: Promise<void> | undefined;
  #soughtAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** Milliseconds since the set was fetched, or since it has been waited for. */
  get ageMs(): number {
    return elapsedMs(this.#fetchedAt ?? this.#beganAt, this.#now());
  }

  /** Begins to fetch. */
  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    this.#now = options.now ?? systemStopwatch;
    this.#beganAt = this.#now();
    this.trouble = `the keys of ${options.url.origin} have not been fetched yet`;
    void this.#fetch();
  }

  lookFor(): Promise<void> | undefined {
    if (this.#fetching !== undefined) return this.#fetching;
    if (performance.now() < this.#searchedAtMs + this.#options.coolDownMs) return undefined;
    // From its end: from its beginning, one that is slower than the cool-down would have none.
    return this.#fetch().finally(() => {
      this.#searchedAtMs = performance.now();
    });
  }

  async seek(isFound: () => boolean): Promise<void> {
    if (this.#fetching !== undefined) {
      // It may have been asked before the key was published.
      await this.#fetching;
      if (isFound() || this.trouble !== undefined) return;
    }
    this.#sought ??= this.#fetchInTurn();
    await this.#sought;
  }

  async #fetchInTurn(): Promise<void> {
    const leftMs = this.#soughtAtMs + soughtPauseMs - performance.now();
    await sleep(Math.max(leftMs, 0));
    // A search that begins from now on needs another.
    this.#sought = undefined;
    if (this.#closed) return;
    await this.#fetch();
    this.#soughtAtMs = performance.now();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves when no fetch is in progress. */
  async settled(): Promise<void> {
    await this.#fetching;
  }

  close(): void {
    this.#closed = true;
    // A request that still waits for one of its keys may ask again: another set is in force by then.
    this.trouble ??= `the keys of ${this.#options.url.origin} are no longer fetched`;
    clearTimeout(this.#timer);
    this.#download?.abort();
  }

  #fetch(): Promise<void> {
    clearTimeout(this.#timer);
    this.#fetching ??= this.#update().finally(() => {
      this.#fetching = undefined;
      if (this.#closed) return;
      this.#timer = setTimeout(() => void this.#fetch(), this.#pauseMs()).unref();
    });
    return this.#fetching;
  }

  /** Until the next fetch: sooner after a failure, and when the set is too old, but not all sidecars in the same moment. */
  #pauseMs(): number {
    const { refreshMs, maxAgeMs } = this.#options;
    if (this.trouble === undefined)
      return Math.min(refreshMs * (0.9 + Math.random() / 10), maxAgeMs);
    const leftMs = this.keys.length > 0 ? maxAgeMs - this.ageMs : Number.POSITIVE_INFINITY;
    return Math.max(Math.min(refreshMs * 0.05, leftMs), 1);
  }

  async #update(): Promise<void> {
    const { url, algorithms, claims, onFetch, onLeftOut } = this.#options;
    try {
      const askedAt = this.#now();
      const text = await this.#load();
      // To make keys is dear; strangers can have the same set fetched every second.
      const set = text === this.#text ? undefined : parseJwks(text, algorithms);
      this.#fetchedAt = askedAt;
      this.trouble = undefined;
      onFetch((set ?? this).keys.length);
      if (set === undefined) return;
      if (set.leftOut.length > 0) onLeftOut?.(set.leftOut);
      this.#text = text;
      this.#replace(set.keys.map((key) => ({ ...key, claims })));
    } catch (error) {
      if (this.#closed) return;
      this.trouble = `the keys of ${url.origin} cannot be fetched: ${(error as Error).message}`;
      this.#dropIfTooOld();
      onFetch(error as Error);
    }
  }

  /** Trusts no key any more if the set is too old. */
  #dropIfTooOld(): void {
    if (this.#fetchedAt === undefined || this.ageMs < this.#options.maxAgeMs) return;
    this.trouble += "; the keys at hand are older than tokens.jwks.maxAge and no longer trusted";
    if (this.keys.length === 0) return;
    this.#text = undefined;
    this.#replace([]);
  }

  #replace(keys: readonly VerificationKey[]): void {
    this.keys = keys;
    for (const listener of this.#listeners) listener();
  }

  /**
   * Rejects after `timeoutMs`. By a timer of its own: one of `AbortSignal.timeout` within `AbortSignal.any`
   * may be collected while the fetch waits, which then waits for ever (found on Node 20.20).
   */
  async #load(): Promise<string> {
    const { timeoutMs } = this.#options;
    const download = new AbortController();
    this.#download = download;
    const timer = setTimeout(
      () => download.abort(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      return await downloadKeySet(this.#options, download.signal);
    } finally {
      clearTimeout(timer);
    }
  }
}
