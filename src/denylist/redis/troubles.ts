import type { TroubleSource } from "../../observability/redis-troubles.ts";

/** Told, once each, what is wrong with one of them (and undefined when nothing is any more). */
export type OnTrouble = (source: TroubleSource, reason: string | undefined) => void;

/** What is wrong at present; nothing that keeps the store from being relied on is silent. */
export class Troubles {
  readonly #reasons = new Map<TroubleSource, string>();
  readonly #onTrouble: OnTrouble;

  constructor(onTrouble: OnTrouble) {
    this.#onTrouble = onTrouble;
  }

  /** Says what is wrong, or that nothing is any more; only a change is told. */
  set(source: TroubleSource, reason: string | undefined): void {
    if (this.#reasons.get(source) === reason) return;
    if (reason === undefined) this.#reasons.delete(source);
    else this.#reasons.set(source, reason);
    this.#onTrouble(source, reason);
  }

  /** The first that is wrong among those; undefined if nothing is. */
  reasonOf(...sources: readonly TroubleSource[]): string | undefined {
    const source = sources.find((one) => this.#reasons.has(one));
    return source && this.#reasons.get(source);
  }
}
