/** One of a bounded number of places. */
export interface Place {
  /** Keeps the place from being given to another while work is done, within the share of work; returns what ends that. */
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

/** How many of the places are kept for work; the rest can always be had, by a probe above all. */
const shareOfWork = 3 / 4;

/**
 * Bounds how many may be inside at once without letting one peer keep all others out.
 *
 * If every place is taken, the peer that has the most loses the one that it took first. So a newcomer
 * gets in however many places are held by those who do not go on, or by work beyond its share: a place at
 * work is given away only beyond that, and after all that do none.
 */
export function createPlaces(max: () => number): TakePlace {
  const taken = new Set<Taken>();
  const kept = new Set<Taken>();

  return (peer, onGivenAway) => {
    if (taken.size >= max()) {
      const oldest = oldestOfTheBusiest(taken, kept);
      if (oldest === undefined) return undefined;
      taken.delete(oldest);
      oldest.onGivenAway();
    }
    const own: Taken = { peer, onGivenAway, working: 0 };
    taken.add(own);
    return {
      work() {
        own.working += 1;
        if (taken.has(own) && kept.size < Math.ceil(max() * shareOfWork)) kept.add(own);
        return () => {
          own.working -= 1;
          if (own.working === 0) kept.delete(own);
        };
      },
      leave() {
        taken.delete(own);
        kept.delete(own);
      },
    };
  };
}

/** Of those that do no work, else of those whose places are not kept; a set keeps the order in which they came. */
function oldestOfTheBusiest(
  taken: ReadonlySet<Taken>,
  kept: ReadonlySet<Taken>,
): Taken | undefined {
  const loose = [...taken].filter((each) => !kept.has(each));
  const idle = loose.filter(({ working }) => working === 0);
  const candidates = idle.length > 0 ? idle : loose;
  const counts = new Map<string, number>();
  for (const { peer } of candidates) counts.set(peer, (counts.get(peer) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return candidates.find(({ peer }) => counts.get(peer) === most);
}
