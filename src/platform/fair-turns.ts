import { createFairQueue } from "./fair-queue.ts";

/** Does work for a peer when its turn has come; resolves to undefined if it had to make room for others. Rejects as the work does. */
export type FairTurns = <Value>(
  peer: () => string,
  work: () => Promise<Value>,
) => Promise<Value | undefined>;

/** How much is done at a time. */
export interface FairTurnsOptions {
  /** Max number of works at a time. */
  readonly max: number;
  /** Max number of those that wait: beyond that, the peer with the most loses the one that came first. */
  readonly maxWaiting: number;
}

/** Makes turns: what is beyond the bound waits, and the peers take turns. A peer is asked for only if it has to wait. */
export function createFairTurns({ max, maxWaiting }: FairTurnsOptions): FairTurns {
  const queue = createFairQueue<(hasTurn: boolean) => void>(maxWaiting);
  let underWay = 0;

  const leave = () => {
    const next = queue.take();
    // The place is handed on, so that no newcomer takes it in between.
    if (next === undefined) underWay -= 1;
    else next(true);
  };
  const enter = (peer: () => string): Promise<boolean> | true => {
    if (underWay >= max) {
      return new Promise((resolve) => {
        queue.add(peer(), resolve)?.(false);
      });
    }
    underWay += 1;
    return true;
  };

  return async (peer, work) => {
    const entered = enter(peer);
    if (entered !== true && !(await entered)) return undefined;
    try {
      return await work();
    } finally {
      leave();
    }
  };
}
