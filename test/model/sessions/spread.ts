import { edited, type Step } from "../search.ts";
import { areEverywhere, type Fact, type Rules, type State, union } from "./state.ts";

const names = ["the first", "the second"] as const;

/** What Redis is told, and what it tells. */
export function* spreadSteps(state: State, has: Rules): Generator<Step<State>> {
  const isKept = (fact: Fact) =>
    has("links are kept like revocations") || !/^t2 (in|by)/.test(fact);
  const isInRedis = (fact: Fact) => state.redis.includes(fact);
  for (const index of [0, 1] as const) {
    if (state.sidecars[index].up) yield* spreadStepsOf(state, index, isKept);
  }
  const isFull = state.sidecars.every(
    ({ up, memory }) => !up || memory.filter(isKept).every(isInRedis),
  );
  if (state.filling && isFull) {
    yield [
      "redis is filled again",
      edited(state, (next) => {
        next.filling = false;
      }),
    ];
  }
}

function* spreadStepsOf(
  state: State,
  index: 0 | 1,
  isKept: (fact: Fact) => boolean,
): Generator<Step<State>> {
  const { memory, loaded } = state.sidecars[index];
  const missing = memory.filter((fact) => !state.redis.includes(fact));
  const sent = state.filling ? missing.filter(isKept) : missing;
  if (sent.length > 0) {
    yield [
      `redis takes what ${names[index]} knows`,
      edited(state, (next) => {
        next.redis = union(next.redis, sent);
      }),
    ];
  }
  const news = state.redis.filter((fact) => !memory.includes(fact));
  const isRecovered = !state.filling && areEverywhere(state, memory.filter(isKept));
  if (news.length === 0 && (loaded || !isRecovered)) return;
  yield [
    `${names[index]} learns what redis has`,
    edited(state, ({ sidecars }) => {
      const own = sidecars[index];
      own.memory = union(own.memory, news);
      own.journal = union(own.journal, news.filter(isKept));
      own.loaded ||= isRecovered;
    }),
  ];
}

/** What goes wrong. */
export function* faultSteps(state: State, logoutAt: 0 | 1): Generator<Step<State>> {
  for (const index of [0, 1] as const) {
    const [sidecar, other] = [state.sidecars[index], state.sidecars[index === 0 ? 1 : 0]];
    // What is only in the journals of two that are down is in force nowhere: one of them lives (P2).
    if (sidecar.up && other.up && state.left.crashes > 0) {
      yield [`${names[index]} is killed`, crash(state, index, logoutAt)];
    }
    if (!sidecar.up) yield [`${names[index]} starts again`, restart(state, index)];
  }
  if (state.left.flushes > 0 && !state.filling) {
    yield [
      "redis loses everything",
      edited(state, (next) => {
        next.left.flushes -= 1;
        next.redis = [];
        next.filling = true;
      }),
    ];
  }
}

function crash(state: State, index: 0 | 1, logoutAt: 0 | 1): State {
  return edited(state, (next) => {
    next.left.crashes -= 1;
    Object.assign(next.sidecars[index], { up: false, loaded: false, memory: [] });
    if (index === logoutAt && !["none", "answered"].includes(next.logout)) next.logout = "cut";
    if (index === 0 && !["none", "answered"].includes(next.refresh)) next.refresh = "cut";
  });
}

/** What was intended may have happened: it counts as if it had. */
function restart(state: State, index: 0 | 1): State {
  return edited(state, (next) => {
    const sidecar = next.sidecars[index];
    sidecar.up = true;
    sidecar.journal = union(sidecar.journal, sidecar.intent);
    sidecar.memory = [...sidecar.journal];
    sidecar.intent = [];
  });
}
