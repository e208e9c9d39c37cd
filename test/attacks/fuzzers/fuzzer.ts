import type { TestContext } from "node:test";
import { fc } from "../../helpers/fast-check.ts";
import type { Framework } from "../frameworks/framework.ts";

/** How long to go on, and from which seed. */
export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number | undefined;
  readonly timeLimitMs: number;
  /** Frameworks that are there already, for those that need them. */
  readonly frameworks?: readonly Framework[] | undefined;
}

/** What was tried, by name: printed by the long form, checked by the short one. */
export type FuzzCounts = Readonly<Record<string, number>>;

/** Tries made-up input on one thing that reads it. */
export interface Fuzzer {
  /** The name for `npm run fuzz -- --only NAME`. */
  readonly name: string;
  /** What holds whatever comes in: the name of the short form's test. */
  readonly claim: string;
  /** The short form: how much of it is in `npm test`, and the counts that it must reach. */
  readonly short: {
    readonly runs: number;
    readonly timeLimitMs: number;
    readonly atLeast: FuzzCounts;
  };
  /** Starts what it needs, and cleans up with `t.after`. Rejects with the input that broke the claim. */
  fuzz(t: TestContext, options: FuzzOptions): Promise<FuzzCounts>;
}

/** Tries one input after the other until the runs or the time are used up; rejects at the first finding. */
export function tryEach<Input>(
  inputs: fc.Arbitrary<Input>,
  { runs, seed, timeLimitMs }: FuzzOptions,
  attempt: (input: Input) => Promise<void>,
): Promise<void> {
  return fc.assert(fc.asyncProperty(inputs, attempt), {
    numRuns: runs,
    ...(seed === undefined ? {} : { seed }),
    interruptAfterTimeLimit: timeLimitMs,
    endOnFailure: true,
  });
}
