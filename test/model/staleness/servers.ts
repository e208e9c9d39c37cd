import { edited, type Step } from "../search.ts";
import type { Rules, Server, State, World } from "./state.ts";

/** Adds a line to the feed. */
export function appendLine(server: Server, revokes: boolean): void {
  server.lines.push({ id: server.nextLine, revokes });
  server.nextLine += 1;
}

/** What happens to Redis. */
export function* serverSteps(state: State, world: World, has: Rules): Generator<Step<State>> {
  const { left, primary } = state;
  const edit = (work: (server: Server, next: State) => void) =>
    edited(state, (next) => {
      const server = next.servers[primary];
      if (server) work(server, next);
    });
  const server = state.servers[primary];
  if (server === undefined) return;
  if (left.otherLines > 0) {
    yield [
      "another line",
      edit((changed, next) => {
        next.left.otherLines -= 1;
        appendLine(changed, false);
      }),
    ];
  }
  if (left.trims > 0 && server.lines.length > 1) {
    yield [
      "the feed is trimmed",
      edit((changed, next) => {
        next.left.trims -= 1;
        changed.lines = changed.lines.slice(-1);
      }),
    ];
  }
  yield* lossSteps(state, edit);
  if (server.changed) {
    yield [
      "a new epoch begins",
      edit((changed) => {
        changed.changed = false;
        changed.settling = has("a grace period");
        changed.epoch += 1;
        changed.epochStart = changed.nextLine;
        appendLine(changed, false);
      }),
    ];
  }
  // It covers what every live sidecar needs to notice and to write back, and the end of an old primary,
  // and a staleness more, in which its last answers are still believed.
  const { revoker, oldGoneAt } = state;
  const allBack = revoker.server === primary && revoker.knownEpoch === server.epoch;
  const oldIsForgotten =
    !state.oldAnswers && (oldGoneAt < 0 || state.now >= oldGoneAt + world.hold);
  if (server.settling && allBack && oldIsForgotten) {
    yield [
      "the grace period ends",
      edit((changed) => {
        changed.settling = false;
      }),
    ];
  }
}

function* lossSteps(
  state: State,
  edit: (work: (server: Server, next: State) => void) => State,
): Generator<Step<State>> {
  const { left, primary } = state;
  if (left.losses > 0) {
    yield [
      "redis loses everything",
      edit((server, next) => {
        next.left.losses -= 1;
        server.key = false;
        server.lines = [];
        server.changed = true;
        server.settling = false;
      }),
    ];
  }
  if (left.failovers > 0) {
    yield [
      "a replica that was behind takes over",
      edited(state, (next) => {
        next.left.failovers -= 1;
        const old = next.servers[primary];
        if (old === undefined) return;
        // It never had the revocation, and its epoch names another server.
        const lines = old.lines.filter(({ revokes }) => !revokes);
        next.servers.push({ ...old, key: false, lines, changed: true });
        next.primary = next.servers.length - 1;
        next.oldAnswers = true;
      }),
    ];
  }
  const everybodyLeft = state.readers.every(({ server }) => server === primary);
  if (state.oldAnswers && state.revoker.server === primary && everybodyLeft) {
    yield [
      "the old primary is gone",
      edited(state, (next) => {
        next.oldAnswers = false;
        next.oldGoneAt = next.now;
      }),
    ];
  }
}
