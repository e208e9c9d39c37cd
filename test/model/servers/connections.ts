import { edited, type Step } from "../search.ts";
import type { Rules, ServersWorld, State, Who } from "./state.ts";

/** The name moves, the old server dies. */
export function* worldSteps(
  state: State,
  { oldDies }: ServersWorld,
  has: Rules,
): Generator<Step<State>> {
  if (state.target === 0) {
    yield [
      "the name moves on to the promoted replica",
      edited(state, (next) => {
        next.target = 1;
      }),
    ];
  }
  if (oldDies && state.target === 1 && !state.oldIsGone) {
    yield [
      "the old server dies, and whoever was there connects anew",
      edited(state, (next) => {
        next.oldIsGone = true;
        for (const who of ["a", "b"] as const) changeOver(next, who, has);
      }),
    ];
  }
}

function followElsewhere(state: State, who: Who, has: Rules): void {
  const isProof = who === "b" && state.b.follower !== state.target;
  if (isProof && has("a proof ends with its server")) state.b.complete = false;
  state[who].follower = state.target;
}

function changeOver(state: State, who: Who, has: Rules): void {
  followElsewhere(state, who, has);
  state[who].other = state.target;
}

/** Connections end, and are made anew. */
export function* connectionSteps(state: State, who: Who, has: Rules): Generator<Step<State>> {
  if (state.target === 0 || state.reconnects === 0) return;
  if (state[who].follower !== state.target && state[who].other !== state.target) {
    yield [
      `all of ${who}'s connections are made anew`,
      edited(state, (next) => {
        next.reconnects -= 1;
        changeOver(next, who, has);
      }),
    ];
  }
  for (const which of ["follower", "other"] as const) {
    if (state[who][which] === state.target) continue;
    yield [
      `${who}'s ${which === "other" ? (who === "a" ? "writer" : "reader") : which} connects anew`,
      edited(state, (next) => {
        next.reconnects -= 1;
        if (which === "follower") followElsewhere(next, who, has);
        else next[who].other = next.target;
      }),
    ];
  }
}

/** A sidecar asks the name with a new connection. */
export function* lookSteps(state: State, who: Who, has: Rules): Generator<Step<State>> {
  const sidecar = state[who];
  // The answer names a run id: the follower's, or another.
  if (sidecar.follower === state.target) {
    if (sidecar.lookAge === 0) return;
    yield [
      `${who} asks the name, and is where it leads`,
      edited(state, (next) => {
        next[who].lookAge = 0;
      }),
    ];
  } else {
    yield [
      `${who} asks the name, and goes where it leads`,
      edited(state, (next) => {
        changeOver(next, who, has);
        next[who].lookAge = 0;
      }),
    ];
  }
}
