import { LRUCache } from "lru-cache";

/** Takes one from a bucket; false if it is empty. */
export type Take = () => boolean;

/** A bucket that fills by `perSecond`, and holds a second's worth. */
export function createBucket(perSecond: number, nowMs = () => performance.now()): Take {
  let left = perSecond;
  let sinceMs = nowMs();
  return () => {
    const now = nowMs();
    left = Math.min(perSecond, left + ((now - sinceMs) / 1000) * perSecond);
    sinceMs = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

const maxRemembered = 1024;

/** A bucket for each name; of names that are many, the least recently seen are forgotten. */
export function createBuckets(
  perSecond: number,
  nowMs = () => performance.now(),
): (name: string) => boolean {
  const buckets = new LRUCache<string, Take>({ max: maxRemembered });
  return (name) => {
    let take = buckets.get(name);
    if (take === undefined) {
      take = createBucket(perSecond, nowMs);
      buckets.set(name, take);
    }
    return take();
  };
}
