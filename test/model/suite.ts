import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Has, type Model, search } from "./search.ts";

/** A model, the worlds it is searched in, and in which world each of its rules is needed. */
export interface Modelled<Rule extends string, World, Name extends string, State> {
  readonly title: string;
  readonly worlds: Readonly<Record<Name, World>>;
  readonly neededIn: Readonly<Record<Rule, NoInfer<Name>>>;
  readonly build: (world: World, has: Has<Rule>) => Model<State>;
}

/** Tests that no world breaks a promise, and that each rule left out breaks one. */
export function describeModel<Rule extends string, World, Name extends string, State>(
  modelled: Modelled<Rule, World, Name, State>,
): void {
  const { title, worlds, neededIn, build } = modelled;
  describe(`the model of ${title}`, () => {
    for (const name of Object.keys(worlds) as Name[]) {
      it(`keeps the promise in every case: ${name}`, (t) => {
        const { states, trace } = search(build(worlds[name], () => true));
        t.diagnostic(`${states} states`);
        assert.equal(trace, undefined, trace?.join("\n"));
      });
    }
    for (const rule of Object.keys(neededIn) as Rule[]) {
      it(`breaks it without the rule "${rule}"`, (t) => {
        const model = build(worlds[neededIn[rule]], (other) => other !== rule);
        const { trace } = search(model);
        assert.ok(
          trace !== undefined,
          "no case breaks it: the rule is not needed, or not modelled",
        );
        t.diagnostic(trace.join(" · "));
      });
    }
  });
}
