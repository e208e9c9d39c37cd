/** A bounded queue in which peers take turns. */
export interface FairQueue<Item> {
  /** Adds one; returns the one that had to make room for it, if any. */
  add(peer: string, item: Item): Item | undefined;
  /** Takes the next: the peers take turns, each gives its own in the order in which they came. */
  take(): Item | undefined;
  size(): number;
}

/** Makes one. Beyond `max`, the peer that has the most loses the one that came first. */
export function createFairQueue<Item>(max: number): FairQueue<Item> {
  // A map keeps the order in which its keys came: a key that was served goes to the end.
  const lines = new Map<string, Item[]>();
  let size = 0;

  const shift = (peer: string, line: Item[]): Item | undefined => {
    size -= 1;
    if (line.length === 1) lines.delete(peer);
    return line.shift();
  };
  const busiest = () => {
    let most: [peer: string, line: Item[]] | undefined;
    for (const each of lines) if (each[1].length > (most?.[1].length ?? 0)) most = each;
    return most;
  };

  return {
    add(peer, item) {
      const line = lines.get(peer);
      if (line === undefined) lines.set(peer, [item]);
      else line.push(item);
      size += 1;
      const most = size > max ? busiest() : undefined;
      return most && shift(...most);
    },
    take() {
      const [next] = lines;
      if (next === undefined) return undefined;
      const [peer, line] = next;
      const item = shift(peer, line);
      if (lines.delete(peer)) lines.set(peer, line);
      return item;
    },
    size: () => size,
  };
}
