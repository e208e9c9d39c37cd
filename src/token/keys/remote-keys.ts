import { parseJwks } from "./jwks.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Algorithm, VerificationKey } from "./keys.ts";

/** Where a key set is, and how it is fetched. Times in milliseconds. */
export interface RemoteKeysOptions {
  readonly url: URL;
  readonly algorithms: readonly Algorithm[];
  readonly timeoutMs: number;
  /** The largest set, in bytes. */
  readonly mostBytes: number;
  /** How often it is fetched without anybody asking. */
  readonly refreshMs: number;
  /** How long nobody's unknown `kid` has it fetched again, after one had. */
  readonly coolDownMs: number;
  /** Told how each fetch ended: with an error, or with how many keys there are. */
  readonly onFetch: (result: Error | number) => void;
}

/**
 * The keys that an issuer publishes (`jwks_uri`, RFC 8414 section 2), kept up to date.
 *
 * The last set that could be used stays until there is another. However many tokens ask for an unknown
 * key, there is one fetch at a time, and one in `coolDownMs`.
 */
export class RemoteKeys implements KeyRing {
  readonly grows = true;
  keys: readonly VerificationKey[] = [];
  trouble: string | undefined;
  readonly #options: RemoteKeysOptions;
  readonly #listeners: (() => void)[] = [];
  #closed = false;
  #download: AbortController | undefined;
  #text: string | undefined;
  #fetching: Promise<void> | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** Begins to fetch. */
  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    this.trouble = `the keys of ${options.url.origin} have not been fetched yet`;
    void this.#fetch();
  }

  lookFor(): Promise<void> | undefined {
    if (this.#fetching !== undefined) return this.#fetching;
    const nowMs = performance.now();
    if (nowMs < this.#askedAtMs + this.#options.coolDownMs) return undefined;
    this.#askedAtMs = nowMs;
    return this.#fetch();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves when no fetch is under way. */
  async settled(): Promise<void> {
    await this.#fetching;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#download?.abort();
  }

  #fetch(): Promise<void> {
    clearTimeout(this.#timer);
    this.#fetching ??= this.#update().finally(() => {
      this.#fetching = undefined;
      if (this.#closed) return;
      // Sooner after a failure, but not all sidecars in the same moment.
      const share = this.trouble === undefined ? 0.9 + Math.random() / 10 : 0.05;
      this.#timer = setTimeout(() => void this.#fetch(), this.#options.refreshMs * share).unref();
    });
    return this.#fetching;
  }

  async #update(): Promise<void> {
    const { url, algorithms, onFetch } = this.#options;
    try {
      const text = await this.#load();
      const keys = parseJwks(text, algorithms);
      this.trouble = undefined;
      onFetch(keys.length);
      if (text === this.#text) return;
      this.#text = text;
      this.keys = keys;
      for (const listener of this.#listeners) listener();
    } catch (error) {
      if (this.#closed) return;
      this.trouble = `the keys of ${url.origin} cannot be fetched: ${(error as Error).message}`;
      onFetch(error as Error);
    }
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
      return await this.#read(download.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(signal: AbortSignal): Promise<string> {
    const { url, mostBytes } = this.#options;
    // A redirect could lead anywhere, and what comes from there would be believed.
    const headers = { accept: "application/jwk-set+json, application/json" };
    const response = await fetch(url, { redirect: "error", signal, headers });
    if (response.status !== 200) throw new Error(`answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > mostBytes) throw new Error(`longer than ${mostBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }
}
