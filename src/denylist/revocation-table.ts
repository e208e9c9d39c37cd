import type { Clock } from "../platform/clock.ts";
import type { Entry, TokenNames } from "./denylist.ts";
import { ExpiringTable } from "./expiring-table.ts";

/** Every live revocation this sidecar knows of, in memory: what answers a request, synchronously. */
export class RevocationTable {
  readonly #tokens: ExpiringTable;
  /** Apart from the tokens: who may choose a subject must not be able to name somebody's token. */
  readonly #subjects: ExpiringTable;

  constructor(clock: Clock) {
    this.#tokens = new ExpiringTable(clock);
    this.#subjects = new ExpiringTable(clock, { withCutoffs: true });
  }

  /** Entries held, those included that expired since the last sweep. */
  get size(): number {
    return this.#tokens.size + this.#subjects.size;
  }

  /** Whether one of the token's names has been revoked. */
  has({ id, subject, issuedAt = 0 }: TokenNames): boolean {
    if (this.#tokens.has(id)) return true;
    if (subject === undefined || this.#subjects.size === 0) return false;
    const cutoff = this.#subjects.cutoffOf(subject);
    return cutoff !== undefined && issuedAt <= cutoff;
  }

  /** Adds a revocation; returns whether that says more than the table knew. */
  add({ kind, value, expiresAt, cutoff }: Entry): boolean {
    const table = kind === "tok" ? this.#tokens : this.#subjects;
    return table.add(value, expiresAt, cutoff);
  }

  /** Drops what has expired among the next `slots` slots, and goes on there the next time. */
  sweep(slots: number): void {
    this.#tokens.sweep(slots);
    this.#subjects.sweep(slots);
  }
}
