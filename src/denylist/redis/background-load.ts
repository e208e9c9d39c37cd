import { BackOff } from "./back-off.ts";
import type { Freshness } from "./freshness.ts";
import type { Loader } from "./loader.ts";
import type { Troubles } from "./troubles.ts";

/** What is loaded, and who is told. */
export interface BackgroundLoadOptions {
  readonly loader: Loader;
  readonly freshness: Freshness;
  readonly troubles: Troubles;
  readonly signal: AbortSignal;
}

/** Loads what the table lacks while the feed is followed: one load at a time, and again if anything came in between. */
export class BackgroundLoad {
  readonly #options: BackgroundLoadOptions;
  readonly #backOff = new BackOff({ firstMs: 50, maxMs: 5000 });
  #settled = false;
  /** Counts what makes a load in progress worthless. */
  #interruptions = 0;
  #loading: Promise<void> | undefined;
  #againMs = 0;
  #failed = false;

  constructor(options: BackgroundLoadOptions) {
    this.#options = options;
  }

  /** Whether every shard could be trusted when last looked at, and none is known to have lost anything since. */
  get settled(): boolean {
    return this.#settled;
  }

  /** What is loaded at present is worth nothing. */
  interrupt(): void {
    this.#interruptions += 1;
  }

  /** The same, and a shard may have lost something. */
  unsettle(): void {
    this.interrupt();
    this.#settled = false;
  }

  /** Looks in the background whether all shards are settled, and loads them if the table lacks anything. */
  start(): void {
    if (performance.now() < this.#againMs) return;
    this.#loading ??= this.#load(this.#interruptions)
      .then(() => this.#end(undefined))
      .catch((error: Error) => this.#end(error))
      .finally(() => {
        this.#loading = undefined;
      });
  }

  /** Resolves when nothing is being loaded. */
  async ended(): Promise<void> {
    await this.#loading;
  }

  /** One failure may be a change that came in between; the second says why. */
  #end(error: Error | undefined): void {
    const nowMs = performance.now();
    if (error !== undefined) this.#againMs = nowMs + this.#backOff.nextMs(nowMs);
    if (error === undefined || this.#failed) {
      this.#options.troubles.set("load", error && `the denylist is not loaded: ${error.message}`);
    }
    this.#failed = error !== undefined;
  }

  async #load(interruptions: number): Promise<void> {
    const { loader, freshness, signal } = this.#options;
    const isWanted = () => !signal.aborted && this.#interruptions === interruptions;
    const epochs = await loader.trustedEpochs();
    if (!isWanted()) return;
    this.#settled = epochs !== undefined;
    if (epochs === undefined || freshness.needsNoLoad) return;
    await loader.load(epochs, isWanted);
    if (isWanted()) freshness.loaded();
  }
}
