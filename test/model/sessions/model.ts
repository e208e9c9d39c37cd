/**
 * A model of how a session ends: t1 is replaced by t2 at one sidecar, while a logout by either ends the session at another one,
 * or at the same. Both share a Redis, have a journal, and may die at any instruction; Redis may lose everything.
 *
 * Left out: when a sidecar may trust its memory (the model of staleness has it), and a link that goes out late because Redis is
 * away.
 */

import { edited, type Model, type Step } from "../search.ts";
import { faultSteps, spreadSteps } from "./spread.ts";
import {
  areEverywhere,
  type Fact,
  isDead,
  known,
  type Progress,
  type Rules,
  type Sidecar,
  type State,
  serves,
  sessionOfT2,
  union,
} from "./state.ts";

/** Where it happens, and what goes wrong. */
export interface SessionWorld {
  /** Which sidecar logs out: 0 is the one that refreshes. */
  readonly logoutAt: 0 | 1;
  readonly crashes: number;
  readonly flushes: number;
}

/** Builds the model. */
export function sessions(world: SessionWorld, has: Rules): Model<State> {
  const { crashes, flushes, logoutAt } = world;
  const sidecar = (): Sidecar => ({
    ...{ up: true, loaded: true },
    ...{ memory: [], journal: [], intent: [] },
  });
  return {
    first: {
      sidecars: [sidecar(), sidecar()],
      ...{ redis: [], filling: false, refresh: "none", found: "none", logout: "none", by: "t1" },
      ...{ ends: [], application: false, left: { crashes, flushes } },
    },
    isBroken,
    *steps(state) {
      yield* refreshSteps(state, has);
      yield* logoutSteps(state, logoutAt, has);
      yield* spreadSteps(state, has);
      yield* faultSteps(state, logoutAt);
    },
  };
}

/**
 * Once the logout was answered, or its sidecar serves again behind a crash, no token of the session that a client has is let
 * through.
 */
function isBroken(state: State): boolean {
  if (!isOver(state)) return false;
  const given = state.refresh === "answered" ? (["t1", "t2"] as const) : (["t1"] as const);
  return state.sidecars.some(
    (each) =>
      serves(state, each) && given.some((token) => !isDead(token, known(each, state.redis))),
  );
}

function isOver(state: State): boolean {
  const { logout, application, sidecars } = state;
  if (logout === "answered") return true;
  // Behind a crash, what was intended is in force when all serve.
  const isRecovered = sidecars.every((each) => each.intent.length === 0 && serves(state, each));
  return logout === "cut" && application && isRecovered;
}

/** Facts of this sidecar's own: in force here, and durable. */
function learn(sidecar: Sidecar, facts: readonly Fact[]): void {
  sidecar.memory = union(sidecar.memory, facts);
  sidecar.journal = union(sidecar.journal, facts);
}

function* refreshSteps(state: State, has: Rules): Generator<Step<State>> {
  const [first] = state.sidecars;
  const go = (to: Progress, work: (next: State) => void = () => {}) =>
    edited(state, (next) => {
      next.refresh = to;
      work(next);
    });
  const facts: Fact[] = state.found === "s" ? ["t2 in s"] : ["t2 by itself"];
  if (
    state.refresh === "none" &&
    serves(state, first) &&
    !isDead("t1", known(first, state.redis))
  ) {
    const found = has("a refresh continues the session") ? "s" : "none";
    yield [
      "the refresh is judged",
      go("looked up", (next) => {
        next.found = found;
      }),
    ];
  }
  if (!first.up) return;
  if (state.refresh === "looked up") yield ["the application hands out t2", go("done")];
  if (state.refresh === "done") {
    yield ["t2 is linked", go("recorded", (next) => learn(next.sidecars[0], facts))];
  }
  const waits = has("the answer waits for the link");
  const isNoted = state.refresh === "recorded" && (!waits || areEverywhere(state, facts));
  if (isNoted) yield ["t2 goes to the client", go("answered")];
}

function* logoutSteps(state: State, at: 0 | 1, has: Rules): Generator<Step<State>> {
  const sidecar = state.sidecars[at];
  if (state.logout === "none" && serves(state, sidecar)) yield* judgedLogouts(state, at, has);
  if (!sidecar.up) return;
  const go = (to: Progress, work: (next: State) => void) =>
    edited(state, (next) => {
      next.logout = to;
      work(next);
    });
  switch (state.logout) {
    case "looked up": {
      const intent = has("the intent names the session") ? state.ends : [tokenEnd(state.by)];
      yield [
        "its intent is written",
        go("intended", (next) => {
          next.sidecars[at].intent = intent;
        }),
      ];
      break;
    }
    case "intended":
      yield [
        "the application logs out",
        go("done", (next) => {
          next.application = true;
        }),
      ];
      break;
    case "done":
      yield [
        "the end is recorded",
        go("recorded", (next) => {
          learn(next.sidecars[at], state.ends);
          next.sidecars[at].intent = [];
        }),
      ];
      break;
    case "recorded":
      if (areEverywhere(state, state.ends))
        yield ["the logout is answered", go("answered", () => {})];
  }
}

/** A logout by any token that the client has, and that is not dead. */
function* judgedLogouts(state: State, at: 0 | 1, has: Rules): Generator<Step<State>> {
  const sidecar = state.sidecars[at];
  const facts = known(sidecar, state.redis);
  const seen = has("a session is looked up for certain") ? facts : sidecar.memory;
  for (const by of state.refresh === "answered" ? (["t1", "t2"] as const) : (["t1"] as const)) {
    if (isDead(by, facts)) continue;
    const judged = { logout: "looked up", by, ends: endsOf(by, seen, has) } as const;
    yield [
      `a logout by ${by} is judged`,
      edited(state, (next) => {
        Object.assign(next, judged);
      }),
    ];
  }
}

function tokenEnd(token: "t1" | "t2"): Fact {
  return token === "t1" ? "t1 dead" : "t2 dead";
}

/** What a logout by a token ends, by what is known of its session. */
function endsOf(by: "t1" | "t2", facts: readonly Fact[], has: Rules): Fact[] {
  const session = by === "t1" ? "s" : sessionOfT2(facts);
  const own = tokenEnd(by);
  if (session === "none") return [own];
  if (session === "own") return [own, "t2's ended"];
  if (has("the end names the session")) return union([own], ["s ended"]);
  // The tokens that are known to belong to it.
  return union([own, "t1 dead"], facts.includes("t2 in s") ? ["t2 dead"] : []);
}
