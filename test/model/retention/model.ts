/**
 * A model of how long a revocation is remembered, against how long a sidecar with another configuration, or
 * with another clock, could accept what it names. One sidecar revokes; a newcomer, which knows what Redis
 * still has, judges. Its clock is behind the revoker's, both within the tolerance.
 */
import { edited, type Has, type Model, type Step } from "../search.ts";

/** The rules without which a token outlives the memory of its revocation. */
export type RetentionRule =
  /** R4: entries are kept for the largest tolerance that any configuration may have. */
  | "the largest tolerance"
  /** R4: and for twice that. */
  | "twice the tolerance"
  /** R4: a TTL errs long: the clock that it is worked out with may be ahead. */
  | "a TTL errs long"
  /** R5: when recovery moves a cut-off, it moves the deadline with it. */
  | "the deadline moves with the cut-off"
  /** R5: a token is accepted only if all that could name it is remembered for as long as it lives. */
  | "no iat: nothing but its own id names it"
  /** R5: a token from before maxLifetime grew is held to what held then. */
  | "older tokens, older limits"
  /** R5: they stand in Redis, for a newcomer that has an empty directory. */
  | "the limits stand in Redis"
  /** R5: whoever revokes remembers for the largest maxLifetime of the fleet, whatever its own. */
  | "the fleet's largest lifetime"
  /** R5: a change is written before it comes into force. */
  | "a change leads"
  /** R5: whoever has not read for a while what stands in Redis reads it before it revokes. */
  | "what was read counts for a while";

/** What is revoked, and what may happen to the configuration. */
export interface RetentionWorld {
  readonly kind: "tok" | "jti" | "sub";
  readonly hasIssuedAt: boolean;
  /** How long the application's tokens live. */
  readonly life: number;
  readonly toleranceGrows: boolean;
  readonly lifetimeGrows: boolean;
  /** Whether the revocation is an intent that a crash left behind. */
  readonly recovers: boolean;
}

interface State {
  time: number;
  tolerance: number;
  /** The newcomer's, which is reloaded first, and the revoker's. */
  maxLifetime: number;
  revokersLifetime: number;
  /** When the newcomer's present maxLifetime came into force, and when that was written to Redis. */
  lifetimeFrom: number;
  changedAt: number;
  /** Whether the revoker has read it there. */
  isRead: boolean;
  issuedAt: number | undefined;
  intendedAt: number | undefined;
  /** When Redis drops the entry; undefined before there is one. */
  keptUntil: number | undefined;
}

type Rules = Has<RetentionRule>;

const largestTolerance = 1;
/** How far the revoker's clock is ahead, and the newcomer's behind: as far as they may be. */
const ahead = 1;
const behind = 1;
/** How long before it comes into force a change is written, and for how long what was read counts. */
const lead = 2;
const counts = 1;
const endOfTime = 14;

/** Builds the model. */
export function retention(world: RetentionWorld, has: Rules): Model<State> {
  const first: State = {
    ...{ time: 0, tolerance: 0, maxLifetime: 2, revokersLifetime: 2, lifetimeFrom: 0 },
    ...{ changedAt: 0, isRead: true },
    ...{ issuedAt: undefined, intendedAt: undefined, keptUntil: undefined },
  };
  return {
    first,
    isBroken: (state) => state.keptUntil !== undefined && accepts(state, world, has),
    *steps(state) {
      if (state.time < endOfTime) {
        yield [
          "time passes",
          edited(state, (next) => {
            next.time += 1;
          }),
        ];
      }
      yield* configurationSteps(state, world, has);
      yield* revocationSteps(state, world, has);
    },
  };
}

function accepts(state: State, { hasIssuedAt, life, kind }: RetentionWorld, has: Rules): boolean {
  const { time, tolerance, maxLifetime, lifetimeFrom, issuedAt, keptUntil } = state;
  if (issuedAt === undefined || (keptUntil !== undefined && time < keptUntil)) return false;
  const now = time - behind;
  const end = issuedAt + life;
  if (now >= end + tolerance) return false;
  if (!hasIssuedAt) {
    const isNamed = kind !== "tok" && has("no iat: nothing but its own id names it");
    return !isNamed && end <= now + maxLifetime;
  }
  // What was issued in that very second is older, too.
  const isKnown = has("older tokens, older limits") && has("the limits stand in Redis");
  const isOlder = issuedAt <= lifetimeFrom && isKnown;
  return life <= (isOlder ? 2 : maxLifetime);
}

function* configurationSteps(
  state: State,
  world: RetentionWorld,
  has: Rules,
): Generator<Step<State>> {
  if (world.toleranceGrows && state.tolerance === 0) {
    yield [
      "clockTolerance grows",
      edited(state, (next) => {
        next.tolerance = 1;
      }),
    ];
  }
  if (world.lifetimeGrows && state.maxLifetime === 2) {
    yield [
      "the newcomer's maxLifetime grows",
      edited(state, (next) => {
        next.maxLifetime = 6;
        next.changedAt = next.time;
        next.lifetimeFrom = next.time + (has("a change leads") ? lead : 0);
        next.isRead = false;
      }),
    ];
  }
  if (!state.isRead) {
    yield [
      "the revoker reads Redis",
      edited(state, (next) => {
        next.isRead = true;
      }),
    ];
  }
  if (state.revokersLifetime < state.maxLifetime) {
    yield [
      "the revoker's maxLifetime grows",
      edited(state, (next) => {
        next.revokersLifetime = next.maxLifetime;
      }),
    ];
  }
}

function* revocationSteps(state: State, world: RetentionWorld, has: Rules): Generator<Step<State>> {
  const { issuedAt, intendedAt, keptUntil, time } = state;
  if (issuedAt === undefined) {
    yield [
      "a token is issued",
      edited(state, (next) => {
        next.issuedAt = time;
      }),
    ];
  }
  if (world.recovers && intendedAt === undefined) {
    yield [
      "an intent is written",
      edited(state, (next) => {
        next.intendedAt = time;
      }),
    ];
  }
  if (issuedAt === undefined || keptUntil !== undefined) return;
  if (world.recovers && intendedAt === undefined) return;
  const isLate = !state.isRead && time > state.changedAt + counts;
  if (isLate && has("what was read counts for a while")) return;
  yield [
    world.recovers ? "the intent is recovered" : "the token is revoked",
    edited(state, (next) => {
      next.keptUntil = forgottenAt(next, issuedAt, world, has);
    }),
  ];
}

function forgottenAt(state: State, issuedAt: number, world: RetentionWorld, has: Rules): number {
  const { time, tolerance, maxLifetime, revokersLifetime, intendedAt, isRead } = state;
  const margin =
    (has("the largest tolerance") ? largestTolerance : tolerance) *
    (has("twice the tolerance") ? 2 : 1);
  const moves = has("the deadline moves with the cut-off");
  const from = intendedAt === undefined || moves ? time : intendedAt;
  const fleets = isRead && has("the fleet's largest lifetime");
  const lifetime = fleets ? maxLifetime : revokersLifetime;
  const end = world.kind === "tok" ? issuedAt + world.life : from + lifetime;
  // The TTL counts from now, by the clock of the revoker.
  return end + margin - ahead + (has("a TTL errs long") ? ahead : 0);
}
