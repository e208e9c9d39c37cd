import { edited, type Step } from "../search.ts";
import { largestStaleness, type Rules, type State, staleness } from "./state.ts";

/** What A does about it. */
export function* restoreSteps(state: State, has: Rules): Generator<Step<State>> {
  const { a, epoch, sent } = state;
  if (!a.paused && a.epoch !== epoch) {
    yield [
      "a notices the epoch, and registers",
      edited(state, (next) => {
        next.a.epoch = epoch;
        next.roster.a = true;
      }),
    ];
  }
  if (!a.paused && a.epoch === epoch && a.restoredIn !== epoch) {
    yield [
      "a writes back what differs",
      edited(state, (next) => {
        const isSame = has("digests of what is there") ? state.key : state.noted;
        if (!isSame) next.key = true;
        next.noted = true;
        next.a.restoredIn = epoch;
      }),
    ];
  }
  const mayConfirm = a.restoredIn === a.epoch || !has("confirmed behind the write-back");
  if (!a.paused && a.confirmedIn !== a.epoch && mayConfirm && sent === undefined) {
    yield [
      "a sends its confirmation",
      edited(state, (next) => {
        next.sent = a.epoch;
        next.a.confirmedIn = a.epoch;
      }),
    ];
  }
  if (sent === undefined) return;
  yield [
    "a's confirmation arrives",
    edited(state, (next) => {
      next.sent = undefined;
      if (sent === epoch || !has("a confirmation names its epoch")) next.confirmed.a = true;
    }),
  ];
}

/** What B sees. */
export function* readerSteps(state: State, has: Rules): Generator<Step<State>> {
  const { b, epoch, revocation, emptied } = state;
  if (b.epoch !== epoch) {
    yield [
      "b sees the new epoch, registers and confirms",
      edited(state, (next) => {
        next.b = { ...b, epoch, complete: false };
        next.roster.b = true;
        next.confirmed.b = true;
      }),
    ];
  } else if (!state.settling) {
    const isMade = revocation.phase !== "none";
    const isThere = revocation.epoch === epoch || state.a.restoredIn === epoch;
    yield ["b loads", edited(state, (next) => complete(next, isMade && isThere))];
    // What was not lost has not been written back, and so has no line in this epoch.
    const isTold = revocation.epoch === epoch || (emptied && state.a.restoredIn === epoch);
    if (emptied || !has("only the feed of an empty store is a load")) {
      yield [
        "b reads the feed from where the epoch began",
        edited(state, (next) => complete(next, isMade && isTold)),
      ];
    }
  }
}

function complete(state: State, learns: boolean): void {
  state.b.proofAge = 0;
  state.b.complete = true;
  state.b.knows ||= learns;
}

/** The hold: acknowledged in an epoch, trusted and the same a staleness later. */
export function* revokeSteps(state: State): Generator<Step<State>> {
  const { revocation, epoch, settling } = state;
  if (revocation.phase === "none") {
    yield [
      "a writes another revocation",
      edited(state, (next) => {
        next.revocation = { phase: "held", heldFor: 0, epoch };
      }),
    ];
  } else if (revocation.phase === "held" && revocation.epoch !== epoch) {
    yield [
      "a writes it once more",
      edited(state, (next) => {
        next.revocation = { phase: "held", heldFor: 0, epoch };
      }),
    ];
  } else if (revocation.phase === "held" && revocation.heldFor >= staleness && !settling) {
    const old = epoch === 1 && revocation.heldFor < largestStaleness;
    if (old) return;
    yield [
      "its logout is answered",
      edited(state, (next) => {
        next.revocation.phase = "released";
      }),
    ];
  }
}
