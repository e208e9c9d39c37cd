import type { GateMetrics } from "../observability/metrics/requests.ts";
import { createTimeShare, type TimeShareOptions } from "../platform/time-share.ts";
import type { CheckBudget } from "../token/check-signature.ts";
import { clientNetwork } from "./client-address.ts";
import type { Visit } from "./visit.ts";

/**
 * The time that signatures may take, so that a flood of forged tokens leaves the rest to tokens that are known.
 *
 * It is itself the budget of requests that have not waited.
 */
export interface CheckTurns extends CheckBudget {
  /** The budget of requests whose turn has come. */
  readonly charged: CheckBudget;
  /** Waits for a request's turn, clients one after the other; resolves to false if others had to be let in. */
  wait(visit: Pick<Visit, "peer" | "headers">): Promise<boolean>;
}

/** How many requests may wait for their turn; each keeps its head for as long. */
const maxWaiting = 1024;

/** Divides a share of the event loop's time, from 0 to 1, between those whose tokens are new. */
export function createCheckTurns(
  share: number,
  metrics: Pick<GateMetrics<string>, "signatureSeconds" | "checkWaits">,
  timers: Pick<TimeShareOptions, "nowMs" | "runLater"> = {},
): CheckTurns {
  const time = createTimeShare({ share, maxWaiting, ...timers });
  const spend = (ms: number) => {
    time.spend(ms);
    metrics.signatureSeconds.inc(ms / 1000);
  };
  return {
    mayCheck: time.isFree,
    spend,
    charged: { mayCheck: () => true, spend },
    async wait(visit) {
      const hasTurn = await time.turn(clientNetwork(visit));
      metrics.checkWaits[hasTurn ? "turn" : "refused"].inc();
      return hasTurn;
    },
  };
}
