import type { Entry } from "../denylist/denylist.ts";
import type { Clock, EpochSeconds } from "../platform/clock.ts";

/** A revocation as the status page lists it: its name shortened, so that it names nothing. */
export interface LatestRevocation {
  /** When it came into force here. */
  readonly at: EpochSeconds;
  readonly kind: Entry["kind"];
  /** The first eight characters of its name. */
  readonly id: string;
  readonly expiresAt: EpochSeconds;
}

const maxListed = 12;

/** Remembers the last few revocations that came into force here, whatever revoked them. */
export class LatestRevocations {
  readonly #clock: Clock;
  readonly #latest: LatestRevocation[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add({ kind, value, expiresAt }: Entry): void {
    this.#latest.push({ at: this.#clock.nowSeconds(), kind, id: value.slice(0, 8), expiresAt });
    if (this.#latest.length > maxListed) this.#latest.shift();
  }

  /** The latest first. */
  list(): LatestRevocation[] {
    return this.#latest.toReversed();
  }
}
