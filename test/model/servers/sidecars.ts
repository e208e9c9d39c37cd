import { edited, type Step } from "../search.ts";
import {
  hasLooked,
  hold,
  isTrusted,
  isWhereItFollows,
  lookEvery,
  type Rules,
  type State,
  staleness,
  type Who,
} from "./state.ts";

/** A reading of the feed, atomic with the state of its server. */
export function* followSteps(state: State, who: Who, has: Rules): Generator<Step<State>> {
  const place = state[who].follower;
  const server = state.servers[place];
  if (server.changed) {
    yield [
      `${who} begins a new epoch`,
      edited(state, (next) => {
        const fresh = next.servers[place];
        fresh.changed = false;
        fresh.epoch += 1;
        const looks = has("grace covers the looks") ? lookEvery + staleness : 0;
        fresh.graceLeft = 1 + looks;
      }),
    ];
    return;
  }
  const sidecar = state[who];
  if (sidecar.epoch !== server.epoch) {
    yield [`${who} sees the epoch of its follower's server`, enter(state, who, server.epoch)];
  } else if (who === "b") {
    yield [
      "b reads the feed",
      edited(state, (next) => {
        next.b.knows ||= server.has;
        next.b.proofAge = 0;
      }),
    ];
  }
}

function enter(state: State, who: Who, epoch: number): State {
  return edited(state, (next) => {
    next[who].epoch = epoch;
    if (who === "b") next.b.complete = false;
  });
}

/** What A does. */
export function* revokerSteps(state: State, has: Rules): Generator<Step<State>> {
  const { a } = state;
  const server = state.servers[a.other];
  if (a.phase === "idle" && !server.changed) {
    yield [
      "a writes key and line",
      edited(state, (next) => {
        next.servers[a.other].has = true;
        next.a.phase = "written";
        next.a.heldFor = 0;
        next.a.heldEpoch = server.epoch;
      }),
    ];
  }
  if (a.phase === "written" && a.heldFor >= hold && isTrusted(server)) {
    const same = server.epoch === a.heldEpoch;
    const seen = !has("a hold ends in the follower's epoch") || isWhereItFollows(state);
    if (same && seen && hasLooked(a, has)) {
      yield [
        "the logout is answered",
        edited(state, (next) => {
          next.a.phase = "released";
        }),
      ];
    } else {
      yield [
        "a writes it once more",
        edited(state, (next) => {
          next.a.phase = "idle";
        }),
      ];
    }
  }
  if (a.restoredIn !== a.epoch) {
    yield [
      "a writes back what it knows",
      edited(state, (next) => {
        const there = next.servers[next.a.other];
        if (next.a.phase !== "idle") there.has = true;
        const counts = !has("restored at the follower's server") || isWhereItFollows(next);
        if (counts) next.a.restoredIn = next.a.epoch;
      }),
    ];
  }
}

/** B loads what Redis has. */
export function* loadSteps(state: State, has: Rules): Generator<Step<State>> {
  const { b } = state;
  const server = state.servers[b.other];
  const one = b.other === b.follower && server.epoch === b.epoch;
  const counts = one || !has("reader and follower at one server");
  if (b.complete || !isTrusted(server) || !counts) return;
  yield [
    "b loads",
    edited(state, (next) => {
      next.b.complete = true;
      next.b.knows ||= server.has;
    }),
  ];
}
