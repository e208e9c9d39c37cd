/**
 * A model of what a crash leaves behind: one sidecar with a journal, the Redis it shares, and another
 * sidecar that knows only what Redis has. One token is logged out; the process may die at any instruction.
 */

import type { Model } from "../search.ts";
import { faultSteps, redisSteps } from "./faults.ts";
import { requestSteps, secondRequestSteps } from "./requests.ts";
import { emptyDisk, type RecoveryWorld, type Rules, type State, serves } from "./state.ts";

/** Builds the model. */
export function recovery(world: RecoveryWorld, has: Rules): Model<State> {
  const { crashes, compactions, flushes, removals } = world;
  const first: State = {
    ...{ request: "none", application: false, second: "none" },
    ...{ up: true, knows: false, outbox: false, usesRedis: world.redis === "always" },
    ...{ disk: emptyDisk, opened: true, committedNowhere: false, secondProcess: false },
    redis: { has: false, epoch: 1, settling: false },
    left: { crashes, compactions, flushes, removals },
  };
  return {
    first,
    isBroken: (state) => isBroken(state, has),
    *steps(state) {
      if (state.up) {
        yield* requestSteps(state, has);
        yield* redisSteps(state, has);
        if (world.secondRequest) yield* secondRequestSteps(state, has);
      }
      yield* faultSteps(state, world, has);
    },
  };
}

/** After the answer, or once this sidecar serves again behind a crash, nobody accepts the token. */
function isBroken(state: State, has: Rules): boolean {
  if (state.second === "forwarded late") return true;
  const isOver = state.request === "answered" || (state.request === "cut" && state.application);
  if (!isOver || !serves(state, has)) return false;
  if (!state.knows) return true;
  return state.usesRedis && !state.redis.has && !state.redis.settling;
}
