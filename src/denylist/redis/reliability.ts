import { disbelieved, type ShardState } from "./store-state.ts";
import type { Troubles } from "./troubles.ts";

const notReadYet = "redis has not been read yet";
const notFilledYet = "redis has not been filled yet: its denylist is new or was reset";

/** Tells whether there will be answers, and if not, why, in words for an operator. */
export class Reliability {
  readonly #troubles: Troubles;
  /** What of the shard was not believed, until it has settled. */
  #disbelief = "";
  /** Whether the store could be relied on since this sidecar began. */
  #wasSettled = false;

  constructor(troubles: Troubles) {
    this.#troubles = troubles;
    troubles.set("follow", notReadYet);
  }

  /** Remembers what of this state is not believed, if anything. */
  note(state: ShardState): void {
    const disbelief = disbelieved(state);
    if (disbelief !== undefined) this.#disbelief = `; not believed: ${disbelief}`;
  }

  /** `fromMemory`: the table is complete, and answers. `settled`: the store can be trusted. */
  judge(
    state: ShardState,
    { fromMemory, settled }: { fromMemory: boolean; settled: boolean },
  ): void {
    if (settled) {
      this.#disbelief = "";
      this.#wasSettled = true;
    }
    this.#troubles.set("follow", fromMemory || settled ? undefined : this.#whyUnreliable(state));
  }

  /** A sidecar that starts reads all there is, and nothing has been lost for that. */
  #whyUnreliable({ kind }: ShardState): string {
    if (this.#wasSettled || this.#disbelief !== "") {
      return `redis is empty or has lost data, and is being refilled${this.#disbelief}`;
    }
    return kind === "trusted" ? notReadYet : notFilledYet;
  }
}
