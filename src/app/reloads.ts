import type { Config } from "../config/load.ts";
import { ConfigError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import type { ConfigMetrics } from "../observability/metrics/operation.ts";
import { describe } from "../observability/request-log.ts";

/** Who takes configurations on, and who is told what came of it. */
export interface ReloadsOptions {
  /** Resolves with the settings that stay what they were until a restart; a rejection changes nothing. */
  readonly adopt: (config: Config) => Promise<readonly string[]>;
  readonly metrics: ConfigMetrics;
  readonly logger: Logger;
}

/** Changes of the configuration while revgate runs, one after the other. */
export class Reloads {
  /** Why the configuration in force is not the one that is there; undefined where it is. */
  trouble: string | undefined;
  readonly #options: ReloadsOptions;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: ReloadsOptions) {
    this.#options = options;
  }

  /** Loads a configuration and takes it on; never rejects. */
  run(load: () => Promise<Config>): Promise<void> {
    this.#last = this.#last.then(() => (this.#closed ? undefined : this.#reload(load)));
    return this.#last;
  }

  /** Resolves when what is in progress is done; no reload begins after that. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }

  async #reload(load: () => Promise<Config>): Promise<void> {
    const { adopt, metrics, logger } = this.#options;
    try {
      const needRestart = await adopt(await load());
      this.trouble =
        needRestart.length === 0
          ? undefined
          : `changed, needs a restart: ${needRestart.join(", ")}`;
      metrics.lastReloadSuccess.setToCurrentTime();
      if (needRestart.length === 0) logger.info("the configuration has been reloaded");
      else
        logger.warn(
          { needRestart },
          "the configuration has been reloaded, except for some settings",
        );
    } catch (error) {
      this.trouble = troubleOf(error);
      const problems = error instanceof ConfigError ? error.problems : [describe(error)];
      logger.error({ problems }, "the configuration is invalid; the previous one stays in force");
      metrics.lastReloadSuccessful.set(0);
      metrics.reloads.failed.inc();
      return;
    }
    metrics.lastReloadSuccessful.set(1);
    metrics.reloads.ok.inc();
  }
}

/** For anyone who may see probes: how many problems and where the first is, not what stands there. */
function troubleOf(error: unknown): string {
  if (!(error instanceof ConfigError)) return "not reloaded: see the log";
  const [first = ""] = error.problems;
  const [place = ""] = first.split(": ", 1);
  const count = error.problems.length === 1 ? "1 problem" : `${error.problems.length} problems`;
  return `not reloaded: ${count}, the first at ${place}; see revgate check-config`;
}
