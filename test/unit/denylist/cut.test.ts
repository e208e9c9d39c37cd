import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Cut,
  endsAll,
  formatSparing,
  isSparing,
  joinCuts,
} from "../../../src/denylist/cut.ts";
import { fallsUnder } from "../../../src/denylist/denylist.ts";
import { fc } from "../../helpers/fast-check.ts";

/** A few tokens of one subject, each with a second of its own in which it was issued. */
const tokens = Array.from({ length: 5 }, (_, index) => ({
  id: String(index).repeat(43),
  issuedAt: 100 + Math.floor(index / 2),
}));

/** Something that ended all tokens but some, at a moment; those that it handed out are among these. */
interface Operation {
  readonly atMs: number;
  readonly kept: readonly number[];
  readonly handedOut: number | undefined;
}

const momentMs = fc.integer({ min: 100_000, max: 103_999 });

/** Operations of which each hands out a token in the second of its issue, or none. */
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    atMs: momentMs,
    kept: fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { maxLength: 2 }),
    handedOut: fc.constant(undefined),
  }),
  fc
    .record({ handedOut: fc.integer({ min: 0, max: 4 }), ms: fc.integer({ min: 0, max: 999 }) })
    .map(({ handedOut, ms }) => ({
      atMs: (100 + Math.floor(handedOut / 2)) * 1000 + ms,
      kept: [],
      handedOut,
    })),
);

function cutOf({ atMs, kept, handedOut }: Operation): Cut {
  const spared = [
    ...kept.filter((index) => index !== handedOut).map((index) => ({ index, handedOutUs: 0 })),
    ...(handedOut === undefined ? [] : [{ index: handedOut, handedOutUs: atMs * 1000 }]),
  ].map(({ index, handedOutUs }) => ({ name: String(index).repeat(22), handedOutUs, after: 0 }));
  const sparing = formatSparing({ madeUs: (atMs % 1000) * 1000, spared });
  return { cutoff: Math.floor(atMs / 1000), sparing };
}

function endedBy(cut: Cut): number[] {
  return tokens.flatMap((token, index) => (fallsUnder(token, cut) ? [index] : []));
}

const join = (cuts: readonly Cut[]) => cuts.reduce(joinCuts);

describe("cut-offs that spare something, as one", () => {
  it("end each other in the very same moment, handed out or there before", () => {
    for (const operations of [
      [0, 1].map((handedOut) => ({ atMs: 100_500, kept: [], handedOut })),
      [0, 1].map((kept) => ({ atMs: 100_500, kept: [kept], handedOut: undefined })),
    ]) {
      const [one, other] = operations.map(cutOf);
      assert.ok(one && other);
      assert.deepEqual(joinCuts(one, other), joinCuts(other, one));
      assert.deepEqual(endedBy(joinCuts(joinCuts(one, other), other)).slice(0, 2), [0, 1]);
    }
  });

  it("end whatever one of them ends, but what was handed out behind it in its second", () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 5 }), (operations) => {
        const handedOutAt = new Map<number, number>();
        for (const { handedOut, atMs } of operations) {
          if (handedOut === undefined) continue;
          // The same text again is the same token.
          fc.pre(!handedOutAt.has(handedOut));
          handedOutAt.set(handedOut, atMs);
        }
        fc.pre(new Set(operations.map(({ atMs }) => atMs)).size === operations.length);
        const last = join(operations.map(cutOf));
        const expected = tokens.flatMap((_, index) => {
          const isEnded = operations.some((each) => {
            const isLater = (handedOutAt.get(index) ?? 0) > each.atMs;
            return endedBy(cutOf(each)).includes(index) && !isLater;
          });
          return isEnded ? [index] : [];
        });
        const wronglyLive = expected.filter((index) => !endedBy(last).includes(index));
        assert.deepEqual(wronglyLive, []);
        // What is carried again behind its own hand-out may be taken for older than it is.
        const carriedAgain = operations.flatMap(({ kept }) => kept);
        const wronglyEnded = endedBy(last).filter((index) => !expected.includes(index));
        assert.deepEqual(
          wronglyEnded.filter((index) => !carriedAgain.includes(index)),
          [],
        );
      }),
      { numRuns: 3000 },
    );
  });

  it("end all that another does only if both together end no more", () => {
    const [one, other] = [0, 1].map((kept) => ({
      atMs: 100_500,
      kept: [kept],
      handedOut: undefined,
    }));
    assert.ok(one && other);
    assert.equal(endsAll(cutOf(one), cutOf(other)), false);
    assert.equal(endsAll(cutOf({ ...one, kept: [] }), cutOf(other)), true);
    fc.assert(
      fc.property(operation, operation, (former, later) => {
        const [known, added] = [cutOf(former), cutOf(later)];
        if (endsAll(known, added))
          assert.deepEqual(endedBy(joinCuts(added, known)), endedBy(known));
      }),
      { numRuns: 1000 },
    );
  });

  it("are the same in any order, and however often", () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 2, maxLength: 5 }), fc.nat(), (some, seed) => {
        const cuts = some.map(cutOf);
        const turned = [...cuts.slice(seed % cuts.length), ...cuts.slice(0, seed % cuts.length)];
        const one = join(cuts);
        const safe = new Set([...endedBy(one), ...endedBy(join(turned))]);
        // Two orders differ by what is carried again at most, and putting them together settles it.
        const both = joinCuts(one, join(turned));
        assert.deepEqual(endedBy(both), [...safe].sort());
        assert.deepEqual(joinCuts(both, both), both);
        assert.ok(cuts.every((cut) => endsAll(both, cut)));
        assert.ok(both.sparing === undefined || isSparing(both.sparing));
      }),
      { numRuns: 3000 },
    );
  });
});
