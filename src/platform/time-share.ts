import { createFairQueue } from "./fair-queue.ts";

/** Work that may take a share of the event loop's time, and no more. */
export interface TimeShare {
  /** Whether work may be done at once: no one waits for it, and time is left. */
  isFree(): boolean;
  /** Charges for work that was done, in milliseconds. */
  spend(ms: number): void;
  /** Waits for a turn, one peer after the other; resolves to false if it had to make room for others. */
  turn(peer: string): Promise<boolean>;
}

/** How much there is to share. */
export interface TimeShareOptions {
  /** The share of all time, from 0 to 1. */
  readonly share: number;
  /** Max number of those that wait: beyond that, the peer with the most loses the one that came first. */
  readonly maxWaiting: number;
  /** Time in milliseconds. */
  readonly nowMs?: () => number;
  /** Runs each step in a turn of its own, microtasks in between. */
  readonly runSoon?: (step: () => void) => void;
  readonly runLater?: (step: () => void, afterMs: number) => void;
}

/** What may be spent at once behind a pause, and what may be owed. */
const burstMs = 5;
/** How long those who wait may keep one turn of the event loop. */
const sliceMs = 1;
const maxTurnsInSlice = 16;

/**
 * Divides the event loop's time between work that can wait and everything else.
 *
 * Work is done at once while its share lasts. Beyond that it waits, and whatever else has come in goes first:
 * those who wait get at most a millisecond of each turn of the event loop, and their share of all time.
 */
export function createTimeShare(options: TimeShareOptions): TimeShare {
  const { share, maxWaiting, nowMs = () => performance.now() } = options;
  const { runSoon = setImmediate, runLater = setTimeout } = options;
  const queue = createFairQueue<(hasTurn: boolean) => void>(maxWaiting);
  let leftMs = burstMs;
  let sinceMs = nowMs();
  let isScheduled = false;

  const refill = () => {
    const now = nowMs();
    leftMs = Math.min(burstMs, leftMs + (now - sinceMs) * share);
    sinceMs = now;
    return leftMs;
  };
  const schedule = () => {
    if (isScheduled || queue.size() === 0) return;
    isScheduled = true;
    const left = refill();
    if (left > 0) runSoon(runSlice);
    else runLater(runSlice, Math.ceil(-left / share) + 1);
  };
  /** Each of its steps is a callback of its own: what a turn leads to is done, and charged, before the next. */
  const runSlice = () => {
    let endsMs: number | undefined;
    const giveTurn = () => {
      endsMs ??= nowMs() + sliceMs;
      if (refill() > 0 && nowMs() < endsMs) queue.take()?.(true);
    };
    for (let i = Math.min(maxTurnsInSlice, queue.size()); i > 0; i -= 1) runSoon(giveTurn);
    runSoon(() => {
      isScheduled = false;
      schedule();
    });
  };

  return {
    isFree: () => queue.size() === 0 && refill() > 0,
    spend(ms) {
      refill();
      leftMs = Math.max(-burstMs, leftMs - ms);
    },
    turn(peer) {
      return new Promise((resolve) => {
        queue.add(peer, resolve)?.(false);
        schedule();
      });
    },
  };
}
