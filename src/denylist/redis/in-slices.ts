import { setImmediate as nextTurn } from "node:timers/promises";

/** How long requests may wait for it. */
const maxMs = 1;
/** So many items take some tenths of that. */
const itemsPerStep = 50;

/** Works on some items at a time, and lets requests go on as soon as that has taken a millisecond. */
export async function inSlices<Item>(
  items: readonly Item[],
  work: (some: readonly Item[]) => void,
  nowMs = () => performance.now(),
): Promise<void> {
  let endMs = nowMs() + maxMs;
  for (let at = 0; at < items.length; at += itemsPerStep) {
    if (nowMs() > endMs) {
      await nextTurn();
      endMs = nowMs() + maxMs;
    }
    work(items.slice(at, at + itemsPerStep));
  }
}
