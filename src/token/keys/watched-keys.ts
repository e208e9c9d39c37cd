import type { KeyRing } from "./key-ring.ts";
import type { VerificationKey } from "./verification-key.ts";

/** How key files are read again. */
export interface WatchedKeysOptions {
  readonly keys: readonly VerificationKey[];
  /** Reads all of them; rejects if one can't be used. */
  readonly reload: () => Promise<readonly VerificationKey[]>;
  readonly everyMs: number;
  /** Told when the files hold other keys (how many), and when they can't be used any more. */
  readonly onReload: (result: Error | number) => void;
}

/**
 * Keys in files, which may be replaced while revgate runs.
 *
 * The files are read again every few seconds, since notifications get lost where a directory is swapped
 * for another (as Kubernetes does) or is on a network; the last keys that could be used stay.
 */
export class WatchedKeys implements KeyRing {
  keys: readonly VerificationKey[];
  readonly mayGet = () => false;
  readonly trouble: undefined;
  /** Files are read again every few seconds: they are never old. */
  readonly ageMs = 0;
  readonly #options: WatchedKeysOptions;
  readonly #listeners: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;
  #failed = false;

  constructor(options: WatchedKeysOptions) {
    this.#options = options;
    this.keys = options.keys;
    this.#timer = setInterval(() => void this.#reload(), options.everyMs).unref();
  }

  lookFor(): undefined {}

  async seek(): Promise<void> {}

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async settled(): Promise<void> {}

  close(): void {
    clearInterval(this.#timer);
  }

  async #reload(): Promise<void> {
    try {
      const keys = await this.#options.reload();
      this.#failed = false;
      if (areSameKeys(keys, this.keys)) return;
      this.keys = keys;
      this.#options.onReload(keys.length);
      for (const listener of this.#listeners) listener();
    } catch (error) {
      if (!this.#failed) this.#options.onReload(error as Error);
      this.#failed = true;
    }
  }
}

/** Whether two lists hold the same keys, in the same order. */
export function areSameKeys(
  some: readonly VerificationKey[],
  others: readonly VerificationKey[],
): boolean {
  return (
    some.length === others.length &&
    some.every((one, i) => {
      const other = others[i];
      return other !== undefined && one.kid === other.kid && one.key.equals(other.key);
    })
  );
}
