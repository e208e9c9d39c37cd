import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Intents } from "../../../../src/denylist/journal/intents.ts";

const entry = { kind: "tok", value: "a".repeat(43), expiresAt: 2_000_000_000 } as const;

describe("intents that are read", () => {
  it("have all their entries until they are settled, and new ones another number", () => {
    const intents = new Intents();
    for (const id of [1, 2, 1]) intents.replay({ verb: "intent", id, entry });
    assert.deepEqual(
      intents.list().map(({ id, entries }) => [id, entries.length]),
      [
        [1, 2],
        [2, 1],
      ],
    );
    intents.replay({ verb: "settled", id: 1 });
    assert.deepEqual(
      intents.list().map(({ id }) => id),
      [2],
    );
    assert.equal(intents.open([entry]).id, 3);
  });

  it("take no longer for each entry where one has hundreds of thousands", () => {
    const intents = new Intents();
    const started = performance.now();
    for (let count = 0; count < 300_000; count += 1)
      intents.replay({ verb: "intent", id: 1, entry });
    assert.equal(intents.list()[0]?.entries.length, 300_000);
    // Copied each time, they take minutes.
    assert.ok(performance.now() - started < 20_000);
  });
});
