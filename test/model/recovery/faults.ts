import { edited, type Step } from "../search.ts";
import { commit, emptyDisk, type RecoveryWorld, type Rules, type State } from "./state.ts";

/** What Redis is told. */
export function* redisSteps(state: State, has: Rules): Generator<Step<State>> {
  if (!state.usesRedis) return;
  if (state.outbox) {
    yield [
      "redis acknowledges it",
      edited(state, (next) => {
        next.redis.has = true;
        next.outbox = false;
        commit(next, has, (disk) => {
          disk.sharedIn = next.redis.epoch;
        });
      }),
    ];
  }
  if (state.redis.settling) {
    yield [
      "the sidecar writes back, and the grace period ends",
      edited(state, (next) => {
        const inFile = next.opened && next.disk.revoked;
        next.redis.has ||= has("restores what it knows") ? next.knows : inFile;
        next.redis.settling = false;
      }),
    ];
  }
}

/** What goes wrong. */
export function* faultSteps(
  state: State,
  world: RecoveryWorld,
  has: Rules,
): Generator<Step<State>> {
  const { left } = state;
  // A directory whose file is gone, and into which nothing was committed since, was not kept.
  const isKept = state.opened || state.committedNowhere;
  if (state.up && left.crashes > 0 && isKept) yield ["the process is killed", crash(state)];
  if (!state.up) yield ["it starts again", restart(state, world, has)];
  if (state.up && left.compactions > 0) yield ["the journal is compacted", compact(state, has)];
  if (left.flushes > 0 && state.usesRedis && state.up) {
    yield [
      "redis loses everything",
      edited(state, (next) => {
        next.left.flushes -= 1;
        next.redis = { has: false, epoch: next.redis.epoch + 1, settling: true };
      }),
    ];
  }
  if (left.removals > 0 && state.up && state.opened) {
    yield [
      "the journal's file is removed",
      edited(state, (next) => {
        next.left.removals -= 1;
        next.opened = false;
        next.disk = emptyDisk;
      }),
    ];
  }
  if (world.secondProcess) yield* secondProcessSteps(state, has);
}

function* secondProcessSteps(state: State, has: Rules): Generator<Step<State>> {
  if (!state.secondProcess && state.up && !has("one writer")) {
    yield [
      "the holder is paused, and a second process starts on the directory",
      edited(state, (next) => {
        next.secondProcess = true;
      }),
    ];
  }
  if (state.secondProcess && state.disk.intent) {
    yield [
      "the second process settles an intent of the same number",
      edited(state, (next) => {
        next.disk.intent = false;
      }),
    ];
  }
}

function crash(state: State): State {
  return edited(state, (next) => {
    next.left.crashes -= 1;
    next.up = false;
    next.knows = false;
    next.outbox = false;
    next.opened = true;
    next.committedNowhere = false;
    if (next.request !== "none" && next.request !== "answered") next.request = "cut";
    if (next.second === "judged" || next.second === "intended") next.second = "none";
  });
}

function restart(state: State, world: RecoveryWorld, has: Rules): State {
  return edited(state, (next) => {
    const { disk, redis } = next;
    next.up = true;
    next.usesRedis = world.redis !== "never";
    next.outbox = next.usesRedis && disk.revoked && disk.sharedIn !== redis.epoch;
    if (disk.intent) {
      disk.intent = false;
      disk.revoked = true;
      next.outbox ||= next.usesRedis && has("recovered intents are in the outbox");
    }
    next.knows = disk.revoked;
  });
}

function compact(state: State, has: Rules): State {
  return edited(state, (next) => {
    next.left.compactions -= 1;
    commit(next, has, (disk) => {
      // Without the rule, what is not in the outbox is taken for shared.
      const inferred = disk.revoked && !next.outbox && !has("shared is what was acknowledged");
      if (inferred) disk.sharedIn = next.redis.epoch;
    });
  });
}
