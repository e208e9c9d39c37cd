import { edited, type Step } from "../search.ts";
import { append, type Held, type LossWorld, type Rules, type State } from "./state.ts";

/** What Redis may lose. */
export function* lossSteps(state: State, { apart }: LossWorld, has: Rules): Generator<Step<State>> {
  const { left, held, snapshot } = state;
  if (left.evictions > 0 && held.key) {
    yield [
      "the key is evicted",
      edited(state, (next) => {
        next.left.evictions -= 1;
        next.held.key = false;
        next.held.changed ||= has("an eviction ends the epoch");
      }),
    ];
  }
  if (left.clockSteps > 0 && held.key) {
    yield [
      "redis's clock is ahead for a moment, and the key expires",
      edited(state, (next) => {
        next.left.clockSteps -= 1;
        next.held.key = false;
        next.held.settling = false;
        next.clockStepped = true;
      }),
    ];
  }
  if (left.restarts > 0) {
    yield [
      "the entry's server restarts without its data",
      edited(state, (next) => {
        next.left.restarts -= 1;
        next.held.changed = true;
        next.held.key = false;
        next.held.mark = 0;
        if (!apart) next.held.lines = [];
      }),
    ];
  }
  if (left.rollbacks === 0) return;
  if (snapshot === undefined) {
    yield [
      "a snapshot of the server is taken",
      edited(state, (next) => {
        next.snapshot = structuredClone(next.held);
      }),
    ];
  } else {
    yield ["the server goes back to its snapshot", rollBack(state, snapshot, apart)];
  }
}

function rollBack(state: State, snapshot: Held, apart: boolean): State {
  return edited(state, (next) => {
    next.left.rollbacks -= 1;
    const feed = apart ? state.held : snapshot;
    // In a Cluster the feed is on another server, which goes on.
    next.held = { ...snapshot, lines: [...feed.lines], nextLine: feed.nextLine };
  });
}

/** What else happens in the feed. */
export function* lineSteps(state: State): Generator<Step<State>> {
  const { left, held } = state;
  if (left.otherLines > 0) {
    yield [
      "another revocation",
      edited(state, (next) => {
        next.left.otherLines -= 1;
        append(next);
      }),
    ];
  }
  if (left.trims > 0 && held.lines.length > 1) {
    yield [
      "the feed is trimmed",
      edited(state, (next) => {
        next.left.trims -= 1;
        next.held.lines = next.held.lines.slice(-1);
      }),
    ];
  }
}

/** Somebody found the epoch changed. */
export function begin(state: State): State {
  return edited(state, (next) => {
    next.held.changed = false;
    next.held.settling = true;
    next.held.epoch += 1;
    // Where the feed is elsewhere, a line in it tells the others; otherwise they see the epoch.
    append(next);
    next.a.looked = false;
  });
}
