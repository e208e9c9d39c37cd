/** What a connection is open for: nothing, its client (a body that it sends, an answer that it takes), or work. */
export type Standing = "idle" | "client" | "work";

/** A connection, as far as its place is concerned. */
export interface Occupant {
  readonly standing: Standing;
  /** Closes it, for another client's. */
  giveWay(): void;
}

/** The connections of one network. */
interface Network {
  readonly name: string;
  readonly all: Set<Occupant>;
  /** Those that were idle when they were last looked at, in the order in which they came. */
  readonly idle: Set<Occupant>;
}

/** All connections are looked at this often at most, and only while newcomers find no place. */
const lookEveryMs = 1000;

/**
 * The places of connections, in shares by client network.
 *
 * If all are taken, an idle connection gives way: the oldest of the network with the most, if that has more than the
 * newcomer's, or else of the newcomer's own. If no connection is idle, one that its client alone keeps gives way, but only if its
 * network has more than half of all places, and only to another network. Work is never ended.
 */
export class ConnectionPlaces {
  readonly #max: () => number;
  readonly #nowMs: () => number;
  readonly #all = new Map<Occupant, Network>();
  readonly #networks = new Map<string, Network>();
  /** The networks that may have idle connections, by how many connections they have. */
  readonly #bySize = new Map<number, Set<Network>>();
  #most = 0;
  /** The network with more than half of all places, and what its clients alone kept, at the last look. */
  #slow: { readonly network: Network; readonly occupants: Set<Occupant> } | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(max: () => number, nowMs: () => number) {
    this.#max = max;
    this.#nowMs = nowMs;
  }

  /** Takes a place; returns what makes it free, undefined if there is none. */
  take(name: string, occupant: Occupant): (() => void) | undefined {
    // More than one gives way if the limit has been lowered.
    while (this.#all.size >= this.#max()) {
      const found = this.#whoGivesWay(name);
      if (found === undefined) return undefined;
      this.#leave(found);
      found.giveWay();
    }
    const network = this.#networks.get(name) ?? { name, all: new Set(), idle: new Set() };
    this.#networks.set(name, network);
    this.#change(network, () => network.all.add(occupant) && network.idle.add(occupant));
    this.#all.set(occupant, network);
    return () => this.#leave(occupant);
  }

  #leave(occupant: Occupant): void {
    const network = this.#all.get(occupant);
    if (network === undefined) return;
    this.#all.delete(occupant);
    this.#change(network, () => network.all.delete(occupant) && network.idle.delete(occupant));
    if (network.all.size === 0) this.#networks.delete(network.name);
  }

  /** Changes what a network has; `#bySize` follows. */
  #change(network: Network, change: () => void): void {
    const before = this.#bySize.get(network.all.size);
    if (before?.delete(network) === true && before.size === 0)
      this.#bySize.delete(network.all.size);
    change();
    const { size } = network.all;
    if (network.idle.size === 0) return;
    const now = this.#bySize.get(size) ?? new Set();
    this.#bySize.set(size, now.add(network));
    this.#most = Math.max(this.#most, size);
  }

  #whoGivesWay(newcomer: string): Occupant | undefined {
    const found = this.#firstIdle(newcomer);
    if (found !== undefined) return found;
    return (this.#lookAgain() ? this.#firstIdle(newcomer) : undefined) ?? this.#firstSlow(newcomer);
  }

  #firstIdle(newcomer: string): Occupant | undefined {
    for (;;) {
      const network = this.#largest(newcomer);
      const [occupant] = network?.idle ?? [];
      if (network === undefined || occupant === undefined) return undefined;
      if (occupant.standing === "idle") return occupant;
      this.#change(network, () => network.idle.delete(occupant));
    }
  }

  /** The network with the most that may have an idle connection: larger than the newcomer's, or else that. */
  #largest(newcomer: string): Network | undefined {
    const own = this.#networks.get(newcomer);
    while (this.#most > 0 && !this.#bySize.has(this.#most)) this.#most -= 1;
    if (this.#most <= (own?.all.size ?? 0)) return own;
    const [largest] = this.#bySize.get(this.#most) ?? [];
    return largest;
  }

  #lookAgain(): boolean {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedMs < lookEveryMs) return false;
    this.#lookedMs = nowMs;
    this.#slow = undefined;
    for (const [occupant, network] of this.#all) {
      const { standing } = occupant;
      if (standing === "idle") this.#change(network, () => network.idle.add(occupant));
      else if (standing === "client" && this.#isMajority(network)) {
        this.#slow ??= { network, occupants: new Set() };
        this.#slow.occupants.add(occupant);
      }
    }
    return true;
  }

  #isMajority({ all }: Network): boolean {
    return all.size > Math.max(1, this.#max() / 2);
  }

  #firstSlow(newcomer: string): Occupant | undefined {
    if (this.#slow === undefined) return undefined;
    const { network, occupants } = this.#slow;
    if (network.name === newcomer || !this.#isMajority(network)) return undefined;
    for (const occupant of occupants) {
      occupants.delete(occupant);
      if (network.all.has(occupant) && occupant.standing === "client") return occupant;
    }
    return undefined;
  }
}
