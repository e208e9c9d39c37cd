import { edited, type Step } from "../search.ts";
import { commit, type Rules, type State, serves } from "./state.ts";

/** The way of a logout. */
export function* requestSteps(state: State, has: Rules): Generator<Step<State>> {
  const edit = (work: (next: State) => void) => edited(state, work);
  if (state.request === "none" && serves(state, has)) {
    yield [
      "the intent is written",
      edit((next) => {
        next.request = "intended";
        commit(next, has, (disk) => {
          disk.intent = true;
        });
      }),
    ];
  }
  if (state.request === "intended") {
    yield [
      "the application logs the token out",
      edit((next) => {
        next.request = "done";
        next.application = true;
      }),
    ];
  }
  if (state.request === "done") {
    yield [
      "the revocation is recorded",
      edit((next) => {
        next.request = "recorded";
        next.knows = true;
        next.outbox = next.usesRedis;
        commit(next, has, (disk) => {
          disk.intent = false;
          disk.revoked = true;
          disk.sharedIn = 0;
        });
      }),
    ];
  }
  if (state.request === "recorded" && !state.outbox && !state.redis.settling) {
    yield [
      "the logout is answered",
      edit((next) => {
        next.request = "answered";
      }),
    ];
  }
}

/** The way of another request that would revoke the same token. */
export function* secondRequestSteps(state: State, has: Rules): Generator<Step<State>> {
  const to = (second: State["second"]) =>
    edited(state, (next) => {
      next.second = second;
    });
  if (state.second === "none" && serves(state, has) && !state.knows) {
    yield ["a second request with the token is judged", to("judged")];
  }
  if (state.second === "judged") yield ["its intent is written", to("intended")];
  const again = has("judged again behind the intent");
  if (state.second === "intended" && !(again && state.knows)) {
    const late = state.request === "answered" ? "forwarded late" : "forwarded";
    yield ["the second request is forwarded", to(late)];
  }
}
