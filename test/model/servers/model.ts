/**
 * A model of two servers behind one name: a Service or a proxy that moves on to a promoted replica while
 * old connections stay where they are, and the old server goes on as if it were the primary.
 *
 * Sidecar A revokes, sidecar B reads; each has connections of its own, and each connection may be at
 * either server. Time goes in ticks, of which a staleness is one; ages stop counting once they are too
 * old to matter, so the search needs no end of time.
 */

import { edited, type Model } from "../search.ts";
import { connectionSteps, lookSteps, worldSteps } from "./connections.ts";
import { followSteps, loadSteps, revokerSteps } from "./sidecars.ts";
import {
  hasLooked,
  isTrusted,
  lookEvery,
  type Rules,
  type ServersWorld,
  type Sidecar,
  type State,
  staleness,
} from "./state.ts";

/** Builds the model. */
export function servers(world: ServersWorld, has: Rules): Model<State> {
  const sidecar: Sidecar = { follower: 0, other: 0, epoch: 1, lookAge: 0 };
  const released = world.released;
  const first: State = {
    servers: [
      { has: released, epoch: 1, changed: false, graceLeft: 0 },
      // A replica that is promoted without the last writes.
      { has: false, epoch: 1, changed: true, graceLeft: 0 },
    ],
    target: 0,
    oldIsGone: false,
    a: {
      ...sidecar,
      ...{ phase: released ? "released" : "idle", heldFor: 0, heldEpoch: 0, restoredIn: 1 },
    },
    b: { ...sidecar, knows: false, complete: !released, proofAge: 0 },
    reconnects: world.reconnects,
  };
  return {
    first,
    isBroken: (state) => isBroken(state, has),
    *steps(state) {
      if (mayTimePass(state, has)) yield ["time passes", edited(state, passTime)];
      yield* worldSteps(state, world, has);
      yield* connectionSteps(state, "a", has);
      yield* connectionSteps(state, "b", has);
      if (has("the name is asked again")) {
        yield* lookSteps(state, "a", has);
        yield* lookSteps(state, "b", has);
      }
      yield* followSteps(state, "a", has);
      yield* followSteps(state, "b", has);
      yield* revokerSteps(state, has);
      yield* loadSteps(state, has);
    },
  };
}

const maxAge = 2;

function passTime({ a, b, servers: both }: State): void {
  for (const server of both) server.graceLeft = Math.max(0, server.graceLeft - 1);
  for (const each of [a, b]) each.lookAge = Math.min(maxAge, each.lookAge + 1);
  a.heldFor = a.phase === "written" ? Math.min(maxAge, a.heldFor + 1) : 0;
  b.proofAge = Math.min(maxAge, b.proofAge + 1);
}

/** Whether B would allow the token now, from memory or by asking. */
function isBroken({ a, b, servers: both }: State, has: Rules): boolean {
  if (a.phase !== "released" || b.knows || !hasLooked(b, has)) return false;
  if (b.complete && b.proofAge < staleness) return true;
  const asked = both[b.other];
  const one = b.other === b.follower && asked.epoch === b.epoch;
  if (has("reader and follower at one server") && !one) return false;
  return isTrusted(asked) && !asked.has;
}

/** The grace period is long enough for a living sidecar to look, to notice and to write back. */
function mayTimePass({ target, a, servers: both }: State, has: Rules): boolean {
  if (has("the name is asked again") && target === 1) {
    if (a.lookAge >= lookEvery && a.follower === 0) return false;
  }
  const there = both[1];
  const isDue = !there.changed && there.graceLeft === 1;
  return !(isDue && a.follower === 1 && a.restoredIn !== there.epoch && a.phase !== "idle");
}
