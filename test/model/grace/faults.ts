import { edited, type Step } from "../search.ts";
import { bound, largestStaleness, notice, type State } from "./state.ts";

/** Time, and pauses. */
export function* timeSteps(state: State): Generator<Step<State>> {
  const { a, sinceBegun, settling } = state;
  // Whoever is awake notices in a notice, and has written back and confirmed long before the bound.
  const noticed = a.epoch === state.epoch || sinceBegun + 1 < notice;
  const done = a.confirmedIn === state.epoch || sinceBegun < bound - 1;
  if (!settling || a.paused || (noticed && done)) {
    yield [
      "time passes",
      edited(state, (next) => {
        next.sinceBegun = Math.min(bound, sinceBegun + 1);
        next.b.proofAge = Math.min(largestStaleness, next.b.proofAge + 1);
        const { revocation } = next;
        if (revocation.phase === "held")
          revocation.heldFor = Math.min(largestStaleness, revocation.heldFor + 1);
      }),
    ];
  }
  if (state.left.pauses > 0) {
    yield [
      "a is paused for longer than the grace period",
      edited(state, (next) => {
        next.left.pauses -= 1;
        next.a.paused = true;
      }),
    ];
  }
}

function beginEpoch(state: State): void {
  state.epoch += 1;
  state.sinceBegun = 0;
  state.settling = true;
  state.confirmed = { a: false, b: false };
}

/** What Redis loses. */
export function* lossSteps(state: State): Generator<Step<State>> {
  if (state.left.flushes > 0) {
    yield [
      "redis loses everything, and somebody begins a new epoch",
      edited(state, (next) => {
        next.left.flushes -= 1;
        next.key = false;
        next.noted = false;
        next.roster = { a: false, b: false };
        next.rosterLost = true;
        next.emptied = true;
        beginEpoch(next);
      }),
    ];
  }
  if (state.left.evictions > 0 && state.key) {
    yield [
      "redis evicts the key, and somebody begins a new epoch",
      edited(state, (next) => {
        next.left.evictions -= 1;
        next.key = false;
        next.rosterLost = false;
        next.emptied = false;
        beginEpoch(next);
      }),
    ];
  }
}
