/**
 * A model of how a Redis that lost something without a restart is found out. Sidecar A knows a revocation
 * that was released long ago; a newcomer knows only what Redis has. Nothing lost may be taken for "not revoked".
 *
 * In a Cluster the entry's shard and the feed's are different servers (`apart`), and one can be lost without the other.
 */

import { edited, type Model, type Step } from "../search.ts";
import { begin, lineSteps, lossSteps } from "./faults.ts";
import { newcomerSteps, sidecarSteps } from "./sidecars.ts";
import type { LossWorld, Rules, State } from "./state.ts";

const notice = 1;

/** Builds the model. */
export function loss(world: LossWorld, has: Rules): Model<State> {
  const { apart, ...left } = world;
  const first: State = {
    held: {
      ...{ key: true, lines: [{ id: 0, says: 0 }], nextLine: 1, mark: 1, epoch: 1 },
      ...{ changed: false, settling: false },
    },
    snapshot: undefined,
    clockStepped: false,
    said: 0,
    a: {
      paused: false,
      looked: true,
      epoch: 1,
      position: { id: 0, says: 0 },
      mark: 1,
      restoring: "no",
    },
    newcomer: { loadedIn: 0, knows: false, age: 0 },
    left,
  };
  return {
    first,
    isBroken: (state) => isBroken(state, has),
    *steps(state) {
      yield* timeSteps(state);
      yield* lossSteps(state, world, has);
      yield* lineSteps(state);
      yield* newcomerSteps(state);
      if (state.held.changed) yield ["somebody begins a new epoch", begin(state)];
      if (!state.a.paused) yield* sidecarSteps(state, apart, has);
      const { held, a } = state;
      // It covers the notice and the write-back of whoever is awake.
      if (held.settling && (a.paused || (a.looked && a.restoring === "no"))) {
        yield [
          "the grace period ends",
          edited(state, (next) => {
            next.held.settling = false;
          }),
        ];
      }
    },
  };
}

/** Whether the newcomer allows the token while the one who knows is awake and has looked since. */
function isBroken({ held, a, newcomer }: State, has: Rules): boolean {
  if (newcomer.loadedIn === 0 || newcomer.knows) return false;
  if (a.paused || !a.looked || a.restoring !== "no") return false;
  if (held.changed || held.settling || newcomer.loadedIn !== held.epoch) return false;
  return newcomer.age >= (has("newcomers wait for a notice") ? notice : 0);
}

function* timeSteps(state: State): Generator<Step<State>> {
  // Whoever is awake looks once a notice.
  if (state.a.paused || (state.a.looked && state.a.restoring === "no")) {
    yield [
      "a notice passes",
      edited(state, ({ a, newcomer }) => {
        a.looked = false;
        newcomer.age = Math.min(newcomer.age + 1, notice);
      }),
    ];
  }
  if (!state.a.paused && state.left.pauses > 0) {
    yield [
      "a is paused",
      edited(state, (next) => {
        next.left.pauses -= 1;
        next.a.paused = true;
      }),
    ];
  }
  if (state.a.paused) {
    yield [
      "a wakes",
      edited(state, ({ a }) => {
        a.paused = false;
        a.looked = false;
      }),
    ];
  }
}
