import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

/** What is watched, and who is told. */
export interface ConfigWatchOptions {
  /** The files that the configuration consists of at present; absolute paths. */
  readonly files: () => readonly string[];
  readonly everyMs: number;
  /** Called when the files are others, and stay so. */
  readonly onChange: () => void;
}

/**
 * Watches the files of a configuration by reading them again and again: notifications get lost where a
 * directory is swapped for another (as Kubernetes does with ConfigMaps) or is on a network.
 *
 * A change counts when it has been seen twice: half a file may be a configuration too, one that misses
 * the rules at its end.
 */
export class ConfigWatch {
  readonly #options: ConfigWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #known: string;
  #seen: string;

  private constructor(options: ConfigWatchOptions, fingerprint: string) {
    this.#options = options;
    this.#known = fingerprint;
    this.#seen = fingerprint;
    this.#wait();
  }

  /** Begins with the files as they are. */
  static async start(options: ConfigWatchOptions): Promise<ConfigWatch> {
    return new ConfigWatch(options, await fingerprintOf(options.files()));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#options.everyMs).unref();
  }

  async #look(): Promise<void> {
    const fingerprint = await fingerprintOf(this.#options.files());
    if (this.#timer === undefined) return;
    if (fingerprint !== this.#known && fingerprint === this.#seen) {
      this.#known = fingerprint;
      this.#options.onChange();
    }
    this.#seen = fingerprint;
    this.#wait();
  }
}

async function fingerprintOf(files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) {
    const bytes = await readFile(file).catch(({ code }: NodeJS.ErrnoException) => String(code));
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}
