import { createTimeShare, type TimeShareOptions } from "../platform/time-share.ts";
import { clientNetwork } from "./client-address.ts";

/**
 * The time that bodies may take which are read before it is known whether their requests may pass.
 *
 * Anybody may send a thousand of them but for the last byte, and then the last bytes together: so they are read one
 * after the other, and between two of them whatever else has come goes on.
 */
export interface BodyTurns {
  /** Waits until a body that is there may be read: true at once; resolves to false if others had to be let in. */
  wait(client: Parameters<typeof clientNetwork>[0]): true | Promise<boolean>;
  /** Does what one body leads to, and charges for it. */
  charge<Value>(work: () => Value): Value;
}

/** How much of the event loop's time bodies may take if anything waits for it. */
const share = 1 / 2;
/** Bodies keep their places while they wait: there are no more than those. */
const maxWaiting = 1024;

/** Divides that time between the networks of those who send bodies. */
export function createBodyTurns(
  timers: Pick<TimeShareOptions, "nowMs" | "runSoon" | "runLater"> = {},
): BodyTurns {
  const time = createTimeShare({ share, maxWaiting, ...timers });
  const { nowMs = () => performance.now() } = timers;
  // Streams of one connection end together, before anything that one of them led to is charged.
  let isUnderWay = false;

  return {
    wait(client) {
      if (isUnderWay || !time.isFree()) return time.turn(clientNetwork(client));
      isUnderWay = true;
      return true;
    },
    charge(work) {
      const startMs = nowMs();
      try {
        return work();
      } finally {
        isUnderWay = false;
        time.spend(nowMs() - startMs);
      }
    },
  };
}
