/**
 * A model of the grace period: after a loss, "not there" is no answer before every living sidecar has
 * written back what it knows, and nobody goes by a proof of the old epoch any more.
 *
 * Sidecar A knows a revocation that was released before the loss, and makes another one in the new epoch;
 * B reads, over a link that may be slow; a newcomer knows only what Redis has. Time goes in ticks; ages stop
 * counting once they are too old to matter.
 */

import { edited, type Model, type Step } from "../search.ts";
import { lossSteps, timeSteps } from "./faults.ts";
import { readerSteps, restoreSteps, revokeSteps } from "./sidecars.ts";
import {
  bound,
  type GraceWorld,
  largestStaleness,
  notice,
  type Rules,
  type State,
  staleness,
} from "./state.ts";

/** Builds the model. */
export function grace(world: GraceWorld, has: Rules): Model<State> {
  const first: State = {
    ...{ key: true, noted: true, epoch: 1, sinceBegun: bound, settling: false, emptied: false },
    ...{ rosterLost: false, roster: { a: true, b: true } },
    ...{ confirmed: { a: false, b: false }, sent: undefined },
    a: { paused: false, epoch: 1, restoredIn: 1, confirmedIn: 1 },
    b: { epoch: 1, proofAge: 0, knows: false, complete: true },
    revocation: { phase: "none", heldFor: 0, epoch: 0 },
    newcomer: "new",
    left: { flushes: world.flushes, evictions: world.evictions, pauses: world.pauses },
  };
  return {
    first,
    isBroken,
    *steps(state) {
      yield* timeSteps(state);
      yield* lossSteps(state);
      yield* restoreSteps(state, has);
      yield* readerSteps(state, has);
      yield* endSteps(state, has);
      if (world.revokes && !state.a.paused) yield* revokeSteps(state);
      if (state.newcomer === "new" && !state.settling) {
        yield [
          "the newcomer loads",
          edited(state, (next) => {
            next.newcomer = state.key ? "knows" : "does not know";
          }),
        ];
      }
    },
  };
}

function isBroken({ a, b, key, newcomer, settling, revocation }: State): boolean {
  const isFresh = b.proofAge < (b.epoch === 1 ? largestStaleness : staleness);
  if (revocation.phase === "released" && !b.knows && b.complete && isFresh) return true;
  return newcomer === "does not know" && !settling && !key && !a.paused;
}

function* endSteps(state: State, has: Rules): Generator<Step<State>> {
  if (!state.settling) return;
  const { roster, confirmed, sinceBegun, rosterLost } = state;
  const all = (["a", "b"] as const).every((who) => !roster[who] || confirmed[who]);
  const enough = has("everybody confirms") ? all : all || confirmed.a;
  const floor = has("the floor is the largest staleness") ? largestStaleness : notice;
  const isLongEnough =
    !rosterLost || sinceBegun >= (has("a floor under a lost roster") ? floor : 0);
  if ((enough && isLongEnough) || sinceBegun >= bound) {
    yield [
      "the grace period ends",
      edited(state, (next) => {
        next.settling = false;
      }),
    ];
  }
}
