import type { Epoch } from "./store-state.ts";

/** One that waits until the store has acknowledged entries. */
interface Waiter {
  /** The names of its entries that have not been acknowledged. */
  readonly left: Set<string>;
  readonly resolve: (epoch: Epoch) => void;
  readonly reject: (error: Error) => void;
}

/** Who waited for what when a batch was sent. */
export type Waiting = readonly { readonly name: string; readonly waiters: readonly Waiter[] }[];

/**
 * Those who wait for revocations to be acknowledged, by the names of the entries: thousands may be sent in one
 * moment, and to look through all of them for each would take too long.
 */
export class Waiters {
  readonly #byName = new Map<string, Set<Waiter>>();

  /** Resolves to the epoch of the last acknowledgement, if all entries of these names have had one. */
  wait(names: Iterable<string>): Promise<Epoch> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { left: new Set(names), resolve, reject };
      for (const name of waiter.left) {
        const others = this.#byName.get(name);
        if (others === undefined) this.#byName.set(name, new Set([waiter]));
        else others.add(waiter);
      }
    });
  }

  /** Who waits for these names now: what is sent later is not acknowledged by this batch. */
  waitingFor(names: readonly string[]): Waiting {
    return names.map((name) => ({ name, waiters: [...(this.#byName.get(name) ?? [])] }));
  }

  /** A batch has been acknowledged. */
  release(sent: Waiting, epoch: Epoch): void {
    for (const { name, waiters } of sent) {
      const all = this.#byName.get(name);
      for (const waiter of waiters) {
        all?.delete(waiter);
        waiter.left.delete(name);
        if (waiter.left.size === 0) waiter.resolve(epoch);
      }
      if (all?.size === 0) this.#byName.delete(name);
    }
  }

  /** An attempt has failed; those who wait are not told of the next. */
  rejectAll(error: Error): void {
    const waiters = new Set([...this.#byName.values()].flatMap((some) => [...some]));
    this.#byName.clear();
    for (const { reject } of waiters) reject(error);
  }
}
