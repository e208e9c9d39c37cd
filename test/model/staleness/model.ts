/**
 * A model of how sidecars come to trust their memory, small enough to look at every case.
 *
 * One token is revoked by one sidecar; two others read. Time goes in ticks; every message and every step
 * may take as long as it likes. docs/decisions/0010-strict-local-reads.md has the argument in words; the
 * code under test is src/denylist/redis/ and src/denylist/shared-denylist.ts.
 */
import { edited, type Model, type Step } from "../search.ts";
import { isFresh, isTrusted } from "./freshness.ts";
import { readerSteps } from "./reader.ts";
import { revokerSteps } from "./revoker.ts";
import { serverSteps } from "./servers.ts";
import { initialState, type Rules, type State, type World } from "./state.ts";

/** Builds the model. */
export function staleness(world: World, has: Rules): Model<State> {
  return {
    first: initialState(world),
    steps: (state) => steps(state, world, has),
    isBroken: (state) => isBroken(state, world, has),
  };
}

/** Whether a request that starts now, after the logout was answered, would be allowed somewhere. */
function isBroken(state: State, world: World, has: Rules): boolean {
  if (state.revoker.phase !== "released") return false;
  return state.readers.some((reader, index) => {
    if (reader.knows) return false;
    const fresh = has("fresh at the decision") ? isFresh(state, index, world, has) : reader.flag;
    if (fresh) return true;
    const server = state.servers[reader.server];
    return server !== undefined && !server.key && isTrusted(server, has);
  });
}

function* steps(state: State, world: World, has: Rules): Generator<Step<State>> {
  yield* timeSteps(state, world);
  yield* serverSteps(state, world, has);
  yield* revokerSteps(state, world, has);
  for (const index of state.readers.keys()) yield* readerSteps(state, index, world, has);
}

function* timeSteps(state: State, { ticks }: World): Generator<Step<State>> {
  if (state.now >= ticks) return;
  yield [
    "time passes",
    edited(state, (next) => {
      next.now += 1;
    }),
  ];
  if (state.left.suspensions === 0) return;
  for (const index of state.readers.keys()) {
    yield [
      `reader ${index} is suspended`,
      edited(state, (next) => {
        next.now += 1;
        next.left.suspensions -= 1;
        const reader = next.readers[index];
        if (reader) reader.stoodStill += 1;
      }),
    ];
  }
}
