import { edited, type Step } from "../search.ts";
import { append, lastLine, type Rules, type State } from "./state.ts";

/** What the newcomer does. */
export function* newcomerSteps(state: State): Generator<Step<State>> {
  const { newcomer, held } = state;
  if (newcomer.loadedIn === held.epoch || held.changed || held.settling) return;
  yield [
    "the newcomer loads",
    edited(state, (next) => {
      next.newcomer = { loadedIn: held.epoch, knows: newcomer.knows || held.key, age: 0 };
    }),
  ];
}

/** What the one who knows does. */
export function* sidecarSteps(state: State, apart: boolean, has: Rules): Generator<Step<State>> {
  const { a } = state;
  if (!a.looked && !state.held.changed) yield ["a looks", look(state, apart, has)];
  if (a.restoring === "no") return;
  if (a.restoring === "yes") {
    yield [
      "a writes back",
      edited(state, (next) => {
        append(next);
        next.held.mark += 1;
        // Whoever follows the feed learns of it.
        next.newcomer.knows ||= next.newcomer.loadedIn > 0;
        if (has("no line before its key")) next.held.key = true;
        next.a.restoring = has("no line before its key") ? "no" : "halfway";
        next.a.position = lastLine(next.held);
        next.a.mark = next.held.mark;
      }),
    ];
  } else {
    yield [
      "a has written the key behind its line",
      edited(state, (next) => {
        next.held.key = true;
        next.a.restoring = "no";
      }),
    ];
  }
}

/** One look: everything in one round trip. */
function look(state: State, apart: boolean, has: Rules): State {
  return edited(state, (next) => {
    const { a, held } = next;
    a.looked = true;
    const told = isTold(state, apart);
    const isLoss = told || hasMissed(state, apart, has) || isOff(state, apart, has);
    a.position = lastLine(held);
    a.epoch = held.epoch;
    a.mark = held.mark;
    next.clockStepped = false;
    if (!isLoss) return;
    a.restoring = "yes";
    held.settling = true;
    if (told) return;
    held.epoch += 1;
    a.epoch = held.epoch;
  });
}

/** Whether another epoch was begun since A last looked. */
function isNews({ a, held }: State): boolean {
  return held.epoch !== a.epoch;
}

/** In a Cluster the feed tells of another shard's epoch; otherwise it is the one that was read. */
function isTold(state: State, apart: boolean): boolean {
  return isNews(state) && (!apart || (isAnchored(state) && state.held.lines.length > 1));
}

function isAnchored({ a, held }: State): boolean {
  return held.lines.some(({ says }) => says === a.position.says);
}

function hasMissed(state: State, apart: boolean, has: Rules): boolean {
  if (apart && !has("what may have been missed is restored")) return false;
  const isAhead = state.a.position.id >= state.held.nextLine;
  return has("the last line itself") ? !isAnchored(state) : isAhead;
}

function isOff(state: State, apart: boolean, has: Rules): boolean {
  if (state.clockStepped && has("a step of redis's clock is a loss")) return true;
  const { a, held } = state;
  const wentBack = held.mark < a.mark && !isNews(state);
  return apart && wentBack && has("each shard has one's own mark");
}
