import type { RedisReplica } from "./replica.ts";
import type { Troubles } from "./troubles.ts";

/** A token that no user has. */
const nobody = { id: "-".repeat(43) };

/** Asks Redis without a request: while asking fails, no client may be sent here whose request would ask. */
export class AskTrial {
  readonly #replica: Pick<RedisReplica, "ask">;
  readonly #troubles: Troubles;
  #asking = false;

  constructor(replica: Pick<RedisReplica, "ask">, troubles: Troubles) {
    this.#replica = replica;
    this.#troubles = troubles;
    troubles.set("ask", "redis has not been asked yet");
  }

  /** Does so unless the last answer was one, or is still awaited. */
  async tryAgain(): Promise<void> {
    const troubles = this.#troubles;
    if (this.#asking || troubles.reasonOf("ask") === undefined) return;
    this.#asking = true;
    await this.#replica
      .ask(nobody)
      .then(() => troubles.set("ask", undefined))
      .catch((error: Error) => troubles.set("ask", error.message));
    this.#asking = false;
  }
}
