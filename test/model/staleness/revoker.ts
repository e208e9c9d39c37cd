import { edited, type Step } from "../search.ts";
import { isTrusted } from "./freshness.ts";
import { appendLine } from "./servers.ts";
import type { Revoker, Rules, Server, State, World } from "./state.ts";

/** What the revoking sidecar does. */
export function* revokerSteps(state: State, world: World, has: Rules): Generator<Step<State>> {
  const { revoker, primary } = state;
  const server = state.servers[revoker.server];
  if (server === undefined) return;
  const edit = (work: (next: Revoker, server: Server) => void) =>
    edited(state, (next) => {
      const mine = next.servers[next.revoker.server];
      if (mine) work(next.revoker, mine);
    });

  if (revoker.server !== primary) {
    yield [
      "the revoker changes over",
      edit((next) => {
        next.server = primary;
      }),
    ];
  }
  if (revoker.knownEpoch !== server.epoch && !server.changed) {
    yield [
      "the revoker writes back",
      edit((next, mine) => {
        next.knownEpoch = mine.epoch;
        if (next.phase === "idle") return;
        mine.key = true;
        appendLine(mine, true);
      }),
    ];
  }
  if (
    revoker.phase !== "idle" &&
    revoker.phase !== "released" &&
    !has("a second logout waits too")
  ) {
    yield [
      "a second logout is answered",
      edit((next) => {
        next.phase = "released";
      }),
    ];
  }
  yield* deliverySteps(state, world, has, edit);
  yield* holdSteps(state, world, has, edit);
}

type EditRevoker = (work: (next: Revoker, server: Server) => void) => State;

/** As Courier.#send. */
function* deliverySteps(
  { now, revoker, servers }: State,
  { hold }: World,
  has: Rules,
  edit: EditRevoker,
): Generator<Step<State>> {
  const server = servers[revoker.server];
  if (server === undefined) return;
  const counts = !server.changed || !has("an epoch");
  switch (revoker.phase) {
    case "idle":
      yield [
        "the key is written",
        edit((next, mine) => {
          next.phase = "put";
          next.heldEpoch = mine.epoch;
          next.heldServer = next.server;
          mine.key = true;
        }),
      ];
      break;
    case "put":
      yield [
        "the key is acknowledged",
        edit((next) => {
          next.phase = counts ? "acknowledged" : "idle";
          next.heldFrom = now;
        }),
      ];
      break;
    case "acknowledged":
      if (!has("both acknowledgements") && now >= revoker.heldFrom + hold) {
        yield [
          "the logout is answered",
          edit((next) => {
            next.phase = "released";
          }),
        ];
      }
      yield [
        "the line is written",
        edit((next, mine) => {
          const same = next.heldEpoch === mine.epoch && next.heldServer === next.server;
          next.phase = same && counts ? "published" : "idle";
          appendLine(mine, true);
        }),
      ];
      break;
    default:
      break;
  }
}

/** As Propagation.putInForce. */
function* holdSteps(
  { now, revoker, servers }: State,
  { hold }: World,
  has: Rules,
  edit: EditRevoker,
): Generator<Step<State>> {
  const server = servers[revoker.server];
  if (server === undefined) return;
  switch (revoker.phase) {
    case "published":
      yield [
        "the line is acknowledged",
        edit((next) => {
          next.phase = "holding";
          if (has("both acknowledgements")) next.heldFrom = now;
        }),
      ];
      break;
    case "holding":
      if (now < revoker.heldFrom + hold) break;
      if (!has("the hold is confirmed")) {
        yield [
          "the logout is answered",
          edit((next) => {
            next.phase = "released";
          }),
        ];
      } else if (isTrusted(server, has)) {
        const same = revoker.heldEpoch === server.epoch && revoker.heldServer === revoker.server;
        yield [
          same ? "the store is found unchanged" : "the store is found changed",
          edit((next) => {
            next.phase = same ? "confirmed" : "idle";
          }),
        ];
      }
      break;
    case "confirmed":
      yield [
        "the logout is answered",
        edit((next) => {
          next.phase = "released";
        }),
      ];
      break;
    default:
      break;
  }
}
