import { setImmediate as nextTurn } from "node:timers/promises";

/** So many entries are taken over in about a millisecond. */
const itemsPerSlice = 250;

/** Works on some items at a time, each in a turn of the event loop of its own: requests go on in between. */
export async function inSlices<Item>(
  items: readonly Item[],
  work: (some: readonly Item[]) => void,
): Promise<void> {
  for (let at = 0; at < items.length; at += itemsPerSlice) {
    if (at > 0) await nextTurn();
    work(items.slice(at, at + itemsPerSlice));
  }
}
