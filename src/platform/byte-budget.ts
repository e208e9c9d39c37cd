/** What somebody keeps of the bytes that all may keep together. */
export interface BytesHeld {
  /** Says how many there are by now. */
  hold(bytes: number): void;
  /** Keeps none any more. */
  end(): void;
}

/** Begins to keep bytes for a peer; calls back if they have to be let go for the sake of others. */
export type KeepBytes = (peer: string, onTakenAway: () => void) => BytesHeld;

interface Holder {
  readonly peer: string;
  readonly onTakenAway: () => void;
  bytes: number;
}

/**
 * Bounds how many bytes are kept together without letting one peer keep all others out: beyond that, the peer with the
 * most loses what it began to keep first.
 */
export function createByteBudget(maxBytes: number): KeepBytes {
  const holders = new Set<Holder>();
  let total = 0;
  const setBytes = (holder: Holder, bytes: number) => {
    total += bytes - holder.bytes;
    holder.bytes = bytes;
  };
  const letGo = (holder: Holder) => {
    if (!holders.delete(holder)) return false;
    setBytes(holder, 0);
    return true;
  };
  return (peer, onTakenAway) => {
    const own: Holder = { peer, onTakenAway, bytes: 0 };
    holders.add(own);
    return {
      hold(bytes) {
        if (holders.has(own)) setBytes(own, bytes);
        while (total > maxBytes) {
          const oldest = oldestOfTheLargest(holders);
          if (oldest === undefined || !letGo(oldest)) return;
          oldest.onTakenAway();
        }
      },
      end: () => void letGo(own),
    };
  };
}

/** A set keeps the order in which they came. */
function oldestOfTheLargest(holders: ReadonlySet<Holder>): Holder | undefined {
  const sums = new Map<string, number>();
  for (const { peer, bytes } of holders) sums.set(peer, (sums.get(peer) ?? 0) + bytes);
  const most = Math.max(...sums.values());
  return [...holders].find(({ peer, bytes }) => bytes > 0 && sums.get(peer) === most);
}
