import type { Exchange } from "./exchange.ts";

/** A client that moves nothing for so long, while others wait for its connection, stands still. */
const maxStillMs = 2000;

/** An exchange whose client is waited for. */
interface Awaited {
  readonly exchange: Exchange;
  /** Since when it is known to be waited for, and since when nothing moves. */
  readonly knownMs: number;
  readonly stillSinceMs: number;
  readonly mark: string;
}

/** The requests that wait for a connection. */
export interface Wanted {
  /** How many connections they need. */
  readonly wanted: number;
  /** Whether any of them is of another network. */
  readonly hasOthers: (network: string) => boolean;
}

/** How connections are had back. */
export interface SlowClientsOptions {
  readonly maxConnections: number;
  readonly queueTimeoutMs: number;
}

/**
 * Finds which exchanges give their connections up while requests wait for one: those that their clients alone keep,
 * since the rest of a body or of an untaken answer waits for them.
 *
 * The network with the most of them loses first the one that has stood still for longest. One whose client does move, if
 * slowly, gives way only to other networks, and only if its own keeps more than half of all connections so. What the
 * application works on is never ended.
 */
export class SlowClients {
  readonly #maxConnections: number;
  readonly #stillMs: number;
  #known = new Map<Exchange, Awaited>();

  constructor({ maxConnections, queueTimeoutMs }: SlowClientsOptions) {
    this.#maxConnections = maxConnections;
    this.#stillMs = Math.min(maxStillMs, queueTimeoutMs / 2);
  }

  /** How often to look, in milliseconds. */
  get everyMs(): number {
    return this.#stillMs / 4;
  }

  /** Forgets what it has seen: no request waits any more. */
  forget(): void {
    this.#known = new Map();
  }

  /** Those of the exchanges in progress that give way now, as many as are wanted at most. */
  choose(exchanges: Iterable<Exchange>, { wanted, hasOthers }: Wanted, nowMs: number): Exchange[] {
    const networks = this.#look(exchanges, nowMs);
    const chosen: Exchange[] = [];
    while (chosen.length < wanted) {
      const most = busiestOf(networks);
      if (most === undefined) break;
      const [network, all] = most;
      const mayMove = all.length > this.#maxConnections / 2 && hasOthers(network);
      const index = this.#whoGivesWay(all, mayMove, nowMs);
      if (index === -1) {
        networks.delete(network);
        continue;
      }
      chosen.push(...all.splice(index, 1).map(({ exchange }) => exchange));
    }
    return chosen;
  }

  /** Those whose clients are waited for, by network: what has stood still for longest comes first. */
  #look(exchanges: Iterable<Exchange>, nowMs: number): Map<string, Awaited[]> {
    const known = new Map<Exchange, Awaited>();
    const networks = new Map<string, Awaited[]>();
    for (const exchange of exchanges) {
      const mark = exchange.clientMark;
      if (mark === undefined) continue;
      const before = this.#known.get(exchange);
      const stillSinceMs = before?.mark === mark ? before.stillSinceMs : nowMs;
      const awaited = { exchange, knownMs: before?.knownMs ?? nowMs, stillSinceMs, mark };
      known.set(exchange, awaited);
      const { network } = exchange;
      const others = networks.get(network);
      if (others === undefined) networks.set(network, [awaited]);
      else others.push(awaited);
    }
    this.#known = known;
    for (const all of networks.values()) all.sort((a, b) => a.stillSinceMs - b.stillSinceMs);
    return networks;
  }

  #whoGivesWay(all: readonly Awaited[], mayMove: boolean, nowMs: number): number {
    const isLong = (sinceMs: number) => nowMs - sinceMs >= this.#stillMs;
    if (all[0] !== undefined && isLong(all[0].stillSinceMs)) return 0;
    return mayMove ? all.findIndex(({ knownMs }) => isLong(knownMs)) : -1;
  }
}

/** One pass: to sort hundreds of networks for each connection that is had back would hold the event loop. */
function busiestOf(
  networks: ReadonlyMap<string, Awaited[]>,
): readonly [string, Awaited[]] | undefined {
  let busiest: readonly [string, Awaited[]] | undefined;
  for (const each of networks) {
    if (busiest === undefined || each[1].length > busiest[1].length) busiest = each;
  }
  return busiest;
}
