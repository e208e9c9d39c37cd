import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isLong } from "../helpers/form.ts";
import { repository } from "../tools/repository.ts";
import { canBreakBy, type Has, type Model, search } from "./search.ts";

/** A model, the worlds it is searched in, and in which world each of its rules is needed. */
export interface Modelled<Rule extends string, World, Name extends string, State> {
  readonly title: string;
  readonly worlds: Readonly<Record<Name, World>>;
  readonly neededIn: Readonly<Record<Rule, NoInfer<Name>>>;
  readonly build: (world: World, has: Has<Rule>) => Model<State>;
}

/** The steps by which each model breaks without each of its rules, as searches find them. */
const traces = JSON.parse(
  readFileSync(join(repository, "test/model/traces.json"), "utf8"),
) as Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** The short form looks at so many states of each world, nearest first. */
const maxStatesInShort = 10_000;

/**
 * Tests that no world breaks a promise, and that each rule left out breaks one.
 *
 * The long form searches every world to its end, with all rules and without each. The short one searches the
 * beginning, and goes the known way on which each rule is needed: it breaks the promise without the rule, and
 * does not with it.
 */
export function describeModel<Rule extends string, World, Name extends string, State>(
  modelled: Modelled<Rule, World, Name, State>,
): void {
  const { title, worlds, neededIn, build } = modelled;
  const whole = (name: Name) => build(worlds[name], () => true);
  const cases = isLong ? "every case" : "the nearest cases";
  describe(`the model of ${title}`, () => {
    for (const name of Object.keys(worlds) as Name[]) {
      it(`keeps the promise in ${cases}: ${name}`, (t) => {
        const { states, more, trace } = search(whole(name), isLong ? undefined : maxStatesInShort);
        t.diagnostic(more ? `${states} states, and there are more` : `all ${states} states`);
        assert.equal(trace, undefined, trace?.join("\n"));
      });
    }
    for (const rule of Object.keys(neededIn) as Rule[]) {
      it(`breaks it without the rule "${rule}"`, () => {
        const without = build(worlds[neededIn[rule]], (other) => other !== rule);
        const known = traces[title]?.[rule] ?? [];
        if (isLong) {
          const { trace } = search(without);
          assert.ok(trace, "no case breaks it: the rule is not needed, or not modelled");
          assert.deepEqual(trace, known, "the trace in test/model/traces.json is another");
        }
        assert.ok(
          canBreakBy(without, known),
          "the known way breaks nothing: see npm run test:long",
        );
        assert.ok(!canBreakBy(whole(neededIn[rule]), known), "the rule does not help");
      });
    }
  });
}
