/** A request in progress, as far as its place is concerned. */
export interface Occupant {
  /** Whether its client alone keeps it: it takes nothing of its answer, or sends nothing of its body. */
  readonly standsStill: boolean;
  /** Whether it gives way last of those of its network. */
  readonly isKept: boolean;
  /** Ends it, for a request of another client. */
  giveWay(): void;
}

/** How many requests are looked at for one that gives way. */
const maxLooked = 64;

/**
 * The places of requests in progress, in shares by client network.
 *
 * If all are taken, a network that has more than the newcomer's loses the oldest of those that stand still, else its
 * oldest if it has two more at least, and a held logout only if it has nothing else. The network with the most comes
 * first. So clients that only hold places keep no other client out, whatever they hold them with, and a client that has
 * the most itself is refused what it asks for on top.
 */
export class StreamPlaces {
  readonly #max: () => number;
  readonly #networks = new Map<string, Set<Occupant>>();
  /** The networks by how many requests they have in progress: a set for each size that there was, which the next request needs again. */
  readonly #bySize = new Map<number, Set<string>>();
  #most = 0;
  #size = 0;

  constructor(max: () => number) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** Makes room for a request from a network; false if there is none. */
  makeRoom(newcomer: string): boolean {
    if (this.#size < this.#max()) return true;
    const found = this.#whoGivesWay(newcomer);
    if (found === undefined) return false;
    this.#leave(found.network, found.occupant);
    found.occupant.giveWay();
    return true;
  }

  /** Takes a place; returns what makes it free. */
  take(network: string, occupant: Occupant): () => void {
    const others = this.#networks.get(network) ?? new Set();
    this.#networks.set(network, others);
    others.add(occupant);
    this.#size += 1;
    this.#moved(network, others.size - 1, others.size);
    return () => this.#leave(network, occupant);
  }

  #leave(network: string, occupant: Occupant): void {
    const others = this.#networks.get(network);
    if (others?.delete(occupant) !== true) return;
    this.#size -= 1;
    this.#moved(network, others.size + 1, others.size);
    if (others.size === 0) this.#networks.delete(network);
  }

  #moved(network: string, from: number, to: number): void {
    this.#bySize.get(from)?.delete(network);
    if (to > 0) {
      const now = this.#bySize.get(to) ?? new Set();
      this.#bySize.set(to, now.add(network));
    }
    if (to > this.#most || (from === this.#most && !this.#bySize.get(from)?.size)) this.#most = to;
  }

  #whoGivesWay(newcomer: string) {
    const own = this.#networks.get(newcomer)?.size ?? 0;
    let looked = 0;
    for (let size = this.#most; size > own; size -= 1) {
      for (const network of this.#bySize.get(size) ?? []) {
        const occupant = this.#oldestOf(network, size > own + 1);
        if (occupant !== undefined) return { network, occupant };
        looked += 1;
        if (looked >= maxLooked) return undefined;
      }
    }
    const occupant = this.#oldestOf(newcomer, false);
    return occupant && { network: newcomer, occupant };
  }

  /**
   * The oldest that stands still; else the oldest, if one at work may be it: one that is kept if there is no other.
   * A set keeps the order of coming.
   */
  #oldestOf(network: string, mayBeAtWork: boolean): Occupant | undefined {
    let oldest: Occupant | undefined;
    let oldestKept: Occupant | undefined;
    let looked = 0;
    for (const each of this.#networks.get(network) ?? []) {
      if (each.isKept) oldestKept ??= each;
      else if (each.standsStill) return each;
      else oldest ??= each;
      looked += 1;
      if (looked >= maxLooked && (oldest !== undefined || !mayBeAtWork)) break;
    }
    return mayBeAtWork ? (oldest ?? oldestKept) : undefined;
  }
}
