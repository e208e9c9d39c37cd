/**
 * A model of clocks that step: what one sidecar forgets, what it accepts, and what its cut-offs say. It has
 * an anchored monotonic clock and a wall clock, with Redis also Redis's TIME; each may be off. One token is
 * revoked, another is not.
 */
import { edited, type Has, type Model, type Step } from "../search.ts";

/** The rules without which a promise breaks. */
export type ClocksRule =
  /** R3: an entry is swept when the earliest clock is past its deadline. */
  | "retention by the earlier clock"
  /** R3: a token has expired when the latest clock is past its end. */
  | "acceptance by the later clock"
  /** A token is accepted only if its deadline lies beyond every deadline that was ever forgotten. */
  | "the sweep line"
  /** That line survives a restart. */
  | "the sweep line is on disk"
  /** R3: what arrives and looks expired is kept, or raises the sweep line. */
  | "what is dropped was swept"
  /** R3: no cut-off while the clocks disagree. */
  | "cut-offs while the clocks agree"
  /** R3: Redis's TIME is one of the clocks. */
  | "redis's time is a clock";

/** What may happen. */
export interface ClocksWorld {
  readonly redis: boolean;
  /** By how much the wall clock steps, each once. */
  readonly steps: readonly number[];
  readonly suspensions: number;
  readonly restarts: number;
  readonly cutoffs: boolean;
}

interface State {
  time: number;
  wallOff: number;
  anchorOff: number;
  /** Whether anything has gone by clocks that were all wrong: that cannot be noticed. */
  misled: boolean;
  revoked: "no" | "known" | "swept";
  onDisk: boolean;
  sweptUntil: number;
  sweptOnDisk: number;
  cutoff: { says: number; madeAt: number } | undefined;
  left: { steps: number[]; suspensions: number; restarts: number };
}

type Rules = Has<ClocksRule>;

/** When the tokens end; an entry's deadline is its token's end. */
const endOfRevoked = 2;
const endOfLive = 4;
const endOfTime = 5;

/** Builds the model. */
export function clocks(world: ClocksWorld, has: Rules): Model<State> {
  const { steps, suspensions, restarts } = world;
  const first: State = {
    ...{ time: 0, wallOff: 0, anchorOff: 0, misled: false },
    ...{ revoked: "no", onDisk: false, sweptUntil: 0, sweptOnDisk: 0, cutoff: undefined },
    left: { steps: [...steps], suspensions, restarts },
  };
  const hasTime = world.redis && has("redis's time is a clock");
  return {
    first,
    isBroken: (state) => isBroken(state, readings(state, hasTime), has),
    *steps(state) {
      yield* timeSteps(state);
      yield* clockSteps(state, world);
      yield* entrySteps(state, readings(state, hasTime), has);
      if (state.left.restarts > 0) yield ["the sidecar starts again", restart(state, world, has)];
      if (!world.cutoffs || state.cutoff !== undefined) return;
      const all = readings(state, hasTime);
      const agree = all.every((reading) => reading === all[0]);
      if (agree || !has("cut-offs while the clocks agree")) {
        yield [
          "a password is changed",
          edited(state, (next) => {
            next.cutoff = { says: next.time + next.wallOff, madeAt: next.time };
          }),
        ];
      }
    },
  };
}

/** What the clocks say: the anchored one first. */
function readings({ time, wallOff, anchorOff }: State, hasTime: boolean): number[] {
  return [time + anchorOff, time + wallOff, ...(hasTime ? [time] : [])];
}

function isBroken(state: State, all: readonly number[], has: Rules): boolean {
  const { time, sweptUntil, misled, revoked, cutoff } = state;
  const accepts = (end: number) => {
    const now = has("acceptance by the later clock") ? Math.max(...all) : (all[0] ?? 0);
    return now < end && !(has("the sweep line") && end <= sweptUntil);
  };
  // A revoked token never comes back, whatever the clocks do.
  if (revoked === "swept" && accepts(endOfRevoked)) return true;
  if (misled) return false;
  const isOneRight = all.includes(time);
  if (time >= endOfLive && isOneRight && accepts(endOfLive)) return true;
  if (cutoff !== undefined && cutoff.says !== cutoff.madeAt) return true;
  const areRight = all.every((reading) => reading === time);
  return areRight && time < endOfLive && !accepts(endOfLive);
}

function* timeSteps(state: State): Generator<Step<State>> {
  if (state.time >= endOfTime) return;
  yield [
    "time passes",
    edited(state, (next) => {
      next.time += 1;
    }),
  ];
  if (state.left.suspensions > 0) {
    yield [
      "the machine is suspended for a tick",
      edited(state, (next) => {
        next.left.suspensions -= 1;
        next.time += 1;
        next.anchorOff -= 1;
      }),
    ];
  }
}

function* clockSteps(state: State, { redis }: ClocksWorld): Generator<Step<State>> {
  const [step, ...rest] = state.left.steps;
  if (step !== undefined) {
    yield [
      `the wall clock steps by ${step}`,
      edited(state, (next) => {
        next.left.steps = rest;
        next.wallOff += step;
      }),
    ];
  }
  if (state.anchorOff === state.wallOff) return;
  yield [
    "the anchor is set anew",
    edited(state, (next) => {
      // With Redis, by its clock; without, the wall clock is all there is.
      next.anchorOff = redis ? 0 : next.wallOff;
      next.misled ||= !redis && next.wallOff !== 0;
    }),
  ];
}

function* entrySteps(state: State, all: readonly number[], has: Rules): Generator<Step<State>> {
  const { revoked } = state;
  const now = has("retention by the earlier clock") ? Math.min(...all) : Math.max(...all);
  if (revoked === "no" && state.time < endOfRevoked) {
    yield [
      "the token is revoked",
      edited(state, (next) => {
        const isDropped = now >= endOfRevoked;
        next.revoked = isDropped ? "swept" : "known";
        next.onDisk = !isDropped;
        if (isDropped && has("what is dropped was swept")) raise(next, endOfRevoked);
      }),
    ];
  }
  if (revoked === "known" && now >= endOfRevoked) {
    yield [
      "entries are swept, the journal is compacted",
      edited(state, (next) => {
        next.revoked = "swept";
        next.onDisk = false;
        // Others of the same age as this moment are swept with it.
        raise(next, now);
      }),
    ];
  }
}

function raise(state: State, deadline: number): void {
  state.sweptUntil = Math.max(state.sweptUntil, deadline);
  state.sweptOnDisk = state.sweptUntil;
}

function restart(state: State, { redis }: ClocksWorld, has: Rules): State {
  return edited(state, (next) => {
    next.left.restarts -= 1;
    next.sweptUntil = has("the sweep line is on disk") ? next.sweptOnDisk : 0;
    next.anchorOff = next.wallOff;
    next.misled ||= !redis && next.wallOff !== 0;
  });
}
