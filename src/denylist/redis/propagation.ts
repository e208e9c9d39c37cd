import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "../../errors.ts";
import type { Entry } from "../denylist.ts";
import type { Courier } from "./courier.ts";
import type { Look } from "./feed-reader.ts";
import type { FleetLives } from "./fleet-lives.ts";
import type { Freshness } from "./freshness.ts";
import type { KnownShards } from "./known-shards.ts";
import type { Tail } from "./log-line.ts";
import type { RedisReplica } from "./replica.ts";
import { isIn } from "./store-state.ts";

/** What revocations are sent with, and how long they may take. */
export interface PropagationOptions {
  readonly courier: Pick<Courier, "deliver">;
  readonly freshness: Pick<Freshness, "isAgreed">;
  readonly replica: RedisReplica;
  readonly known: Pick<KnownShards, "lastOf">;
  readonly lives?: Pick<FleetLives, "unread"> | undefined;
  /** How long a revocation may wait for a store that has lost data, in milliseconds. */
  readonly holdTimeoutMs: number;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

const settlingPollMs = 50;

/** Puts revocations in force at every sidecar: sent, acknowledged, and held. */
export class Propagation {
  readonly #options: PropagationOptions;

  constructor(options: PropagationOptions) {
    this.#options = options;
  }

  /** Resolves when no sidecar can take the entries' tokens for live any more. */
  async putInForce(entries: readonly Entry[]): Promise<void> {
    const { courier, known, replica, holdTimeoutMs, signal } = this.#options;
    const giveUpAtMs = performance.now() + holdTimeoutMs;
    for (;;) {
      await this.#untilLivesAreRead(giveUpAtMs);
      const epoch = await courier.deliver(entries);
      const line = known.lastOf(replica.keys.feedShard);
      // A timer may go off a fraction of a millisecond early.
      await sleep(epoch.stalenessMs + 1, undefined, { signal });
      // If the store is what it was, and has not gone back, it has had them for as long as anybody goes without looking.
      const { state, where } = await this.#untilTrusted(line, giveUpAtMs);
      if (isIn(epoch, state) && where !== "gone") return;
    }
  }

  /** Nothing is sent before it is known for how long it is to be remembered; without Redis, that waits in vain. */
  async #untilLivesAreRead(giveUpAtMs: number): Promise<void> {
    const { lives, replica } = this.#options;
    while (lives?.unread !== undefined && replica.up && performance.now() < giveUpAtMs) {
      await sleep(settlingPollMs, undefined, { signal: this.#options.signal });
    }
  }

  /** By the follower's word: a sidecar that wrote to another server than the one it follows has to write again. */
  async #untilTrusted(line: Tail | undefined, giveUpAtMs: number): Promise<Look> {
    const { replica } = this.#options;
    for (;;) {
      const look = await replica.look(replica.keys.feedShard, line);
      if (look.state.kind === "trusted" && this.#options.freshness.isAgreed()) return look;
      if (performance.now() > giveUpAtMs) {
        throw new StoreUnavailableError("redis has lost data and is being refilled");
      }
      await sleep(settlingPollMs, undefined, { signal: this.#options.signal });
    }
  }
}
