/** One of a bounded number of places. */
export interface Place {
  /** Keeps the place from being given to another while work is done; returns what ends that. */
  work(): () => void;
  /** Makes the place free. */
  leave(): void;
}

/** Gives out places; undefined if all are taken by work. */
export type TakePlace = (peer: string, onGivenAway: () => void) => Place | undefined;

interface Taken {
  readonly peer: string;
  readonly onGivenAway: () => void;
  working: number;
}

/**
 * Bounds how many may be inside at once without letting one peer keep all others out.
 *
 * If every place is taken, the peer that has the most loses the one that it took first. So a newcomer
 * gets in however many places are held by those who do not go on; a place at work is never given away.
 */
export function createPlaces(max: () => number): TakePlace {
  const taken = new Set<Taken>();

  return (peer, onGivenAway) => {
    if (taken.size >= max()) {
      const oldest = oldestOfTheBusiest(taken);
      if (oldest === undefined) return undefined;
      taken.delete(oldest);
      oldest.onGivenAway();
    }
    const own: Taken = { peer, onGivenAway, working: 0 };
    taken.add(own);
    return {
      work() {
        own.working += 1;
        return () => {
          own.working -= 1;
        };
      },
      leave: () => void taken.delete(own),
    };
  };
}

/** Of those that do no work; a set keeps the order in which they came. */
function oldestOfTheBusiest(taken: ReadonlySet<Taken>): Taken | undefined {
  const idle = [...taken].filter(({ working }) => working === 0);
  const counts = new Map<string, number>();
  for (const { peer } of idle) counts.set(peer, (counts.get(peer) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return idle.find(({ peer }) => counts.get(peer) === most);
}
