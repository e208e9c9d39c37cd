import { createStateKeys } from "./state-key.ts";

/** Something that can happen: what it is called, and the state that it leads to. */
export type Step<State> = readonly [name: string, next: State];

/** A system small enough that every order of events can be looked at. States are plain JSON. */
export interface Model<State> {
  readonly first: State;
  /** Everything that can happen next. */
  readonly steps: (state: State) => Iterable<Step<State>>;
  /** Whether a promise is broken in this state. */
  readonly isBroken: (state: State) => boolean;
}

/** The result of a search. */
export interface Search {
  readonly states: number;
  /** Whether there were more than might be looked at. */
  readonly more: boolean;
  /** The steps to the first state that breaks a promise; undefined if no state does. */
  readonly trace: readonly string[] | undefined;
}

/** Whether a rule is in force. */
export type Has<Rule extends string> = (rule: Rule) => boolean;

type Parents = ReadonlyMap<string, readonly [parent: string, step: string]>;

/**
 * Visits every reachable state, nearest first, or the first `maxStates` and a few more; stops at the first that
 * breaks a promise.
 */
export function search<State>(
  { first, steps, isBroken }: Model<State>,
  maxStates = Number.POSITIVE_INFINITY,
): Search {
  const keyOf = createStateKeys();
  const start = keyOf(first);
  const parents = new Map([[start, ["", ""] as readonly [string, string]]]);
  let found = [{ key: start, state: first }];
  const visit = (key: string, state: State) => {
    for (const [name, next] of steps(state)) {
      const reached = keyOf(next);
      if (parents.has(reached)) continue;
      parents.set(reached, [key, name]);
      found.push({ key: reached, state: next });
    }
  };
  while (found.length > 0 && parents.size < maxStates) {
    // Of those that were visited only the keys are kept.
    const nearest = found;
    found = [];
    for (const { key, state } of nearest) {
      if (isBroken(state)) {
        return { states: parents.size, more: true, trace: traceTo(key, parents) };
      }
      visit(key, state);
    }
  }
  return { states: parents.size, more: found.length > 0, trace: undefined };
}

/** Whether steps of these names, one after the other, can lead to a state that breaks a promise. */
export function canBreakBy<State>(
  { first, steps, isBroken }: Model<State>,
  trace: readonly string[],
): boolean {
  const keyOf = createStateKeys();
  let states = [first];
  for (const name of trace) {
    const next = new Map<string, State>();
    for (const state of states) {
      for (const [step, to] of steps(state)) if (step === name) next.set(keyOf(to), to);
    }
    states = [...next.values()];
  }
  return states.some(isBroken);
}

/** A copy of the state with changes. */
export function edited<State>(state: State, edit: (next: State) => void): State {
  const next = copy(state);
  edit(next);
  return next;
}

/** Faster than structuredClone by an order of magnitude, for what states are made of. */
function copy<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copy) as Value;
  const copied: Record<string, unknown> = {};
  for (const name in value) copied[name] = copy(value[name]);
  return copied as Value;
}

function traceTo(last: string, parents: Parents): string[] {
  const trace: string[] = [];
  for (let at = last; ; ) {
    const [parent, step] = parents.get(at) ?? ["", ""];
    if (parent === "") return trace.reverse();
    trace.push(step);
    at = parent;
  }
}
