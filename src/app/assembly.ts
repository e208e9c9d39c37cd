import type { Endpoints } from "../admin/endpoint.ts";
import { keepFixed } from "../config/keep-fixed.ts";
import type { Config } from "../config/load.ts";
import type { GrpcGate } from "../decisions/grpc/grpc-service.ts";
import type { Gate } from "../gateway/gate.ts";
import type { ApplicationPools } from "../upstream/application-pool.ts";
import { type Assembly, assemble, type Former, type Foundation, retire } from "./assemble.ts";
import { type KeySets, reopenVerifier } from "./verification.ts";

/** What the configuration in force has made of revgate, until another is applied. */
export class CurrentAssembly {
  readonly #foundation: Foundation;
  /** All that were ever used: requests may still be in progress on those of former configurations. */
  readonly #pools: Set<ApplicationPools>;
  #current: Assembly;

  constructor(foundation: Foundation) {
    this.#foundation = foundation;
    this.#current = assemble(foundation.inForce, foundation);
    this.#pools = new Set([this.#current.application.pool]);
  }

  get gate(): Gate {
    return this.#current.gate;
  }

  /** What questions of other gateways are answered by; undefined if there is none. */
  get decisions(): GrpcGate | undefined {
    return this.#current.decisions;
  }

  /** What the admin listener answers besides probes and metrics. */
  get endpoints(): readonly Endpoints[] {
    return this.#current.endpoints;
  }

  /**
   * Applies another configuration, as far as that can be done while revgate runs; resolves with the
   * settings that stay what they were.
   *
   * Rejects with ConfigError, and changes nothing, if it can't be used.
   */
  async adopt(asked: Config): Promise<readonly string[]> {
    const { inForce, metrics, logger, store } = this.#foundation;
    const { config, needRestart } = keepFixed(inForce.config, asked);
    store.check(config);
    const { clock, clockHints, latestExpiry, naming } = store;
    const context = { metrics: metrics.store, logger, clock, clockHints, latestExpiry, naming };
    const verification = await reopenVerifier(config, context, inForce);
    const before: Former = { ...this.#current, ...inForce };
    const next = { config, verification };
    // From here on nothing can fail, and nothing is waited for: all of it changes at once.
    store.configure(config);
    this.#current = assemble(next, this.#foundation, before);
    Object.assign(inForce, next);
    this.#pools.add(this.#current.application.pool);
    logger.level = config.settings.log.level;
    void retire(before, { ...this.#current, ...next });
    return needRestart;
  }

  /** The key sets of transmitters of events; undefined if there are none. */
  get keySets(): KeySets | undefined {
    return this.#current.signals?.keySets;
  }

  /** Connections to the application. */
  get connections(): number {
    return this.#sum(({ connections }) => connections);
  }

  /** Requests that wait for one. */
  get queued(): number {
    return this.#sum(({ queued }) => queued);
  }

  #sum(count: (pool: ApplicationPools) => number): number {
    let sum = 0;
    for (const pool of this.#pools) sum += count(pool);
    return sum;
  }

  /** Lets requests in progress finish, for as long as that may take; then they are broken off. */
  async close(timeoutMs: number): Promise<void> {
    const pools = [...this.#pools];
    const cut = setTimeout(
      () => {
        for (const pool of pools) pool.destroy();
      },
      Math.max(timeoutMs, 0),
    );
    await Promise.all(pools.map((pool) => pool.close()));
    clearTimeout(cut);
    this.#current.signals?.close();
    this.#foundation.inForce.verification.close();
  }
}
