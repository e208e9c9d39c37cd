import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Entry } from "../../../../src/denylist/denylist.ts";
import type { Epoch, ShardState } from "../../../../src/denylist/redis/store-state.ts";
import { type WriteBackOptions, writeBack } from "../../../../src/denylist/redis/write-back.ts";

const epoch: Epoch = {
  ...{ id: "e", stalenessMs: 100, start: "0-1", server: "s", before: "-" },
  began: "emptied",
};
const state = { kind: "trusted", server: "s", found: "e", epoch, endless: false } as ShardState;
const inStep = 500;

function entriesOf(step: number): Entry[] {
  return Array.from({ length: inStep }, (_, index) => ({
    kind: "tok",
    value: `${step}-${index}`.padEnd(43, "x"),
    expiresAt: 4e9,
  }));
}

/** A store that lacks everything, in which each write goes as `put` says; the journal is read slowly. */
function startWriteBack(steps: number, put: (index: number) => Promise<void>) {
  const [written, compared] = [[] as number[], [] as number[]];
  let puts = 0;
  const replica = {
    keys: { spread: false, shardOf: () => "" },
    entries: {
      async lacking(_: string, entries: readonly Entry[]) {
        compared.push(Number(entries[0]?.value.split("-")[0]));
        return { state, lacking: entries };
      },
    },
    async put(_: string, entries: readonly Entry[]) {
      puts += 1;
      await put(puts - 1);
      written.push(Number(entries[0]?.value.split("-")[0]));
      return { state, tail: { id: "1-1", text: "" }, held: 0 };
    },
  } as unknown as WriteBackOptions["replica"];
  const journal = {
    async *entries() {
      for (let step = 0; step < steps; step += 1) {
        yield entriesOf(step);
        await new Promise(setImmediate);
      }
    },
  };
  const outbox = { size: 0, has: () => false };
  const epochs = new Map([["", epoch]]);
  const { signal } = new AbortController();
  const ended = writeBack({ journal, outbox, replica, epochs, from: 0, signal });
  return { ended, written, compared };
}

describe("writing back", () => {
  it("fails if any of its steps does, also while nobody waits for that one", async () => {
    for (const steps of [1, 2, 3, 8]) {
      for (let broken = 0; broken < steps; broken += 1) {
        const { ended } = startWriteBack(steps, async (index) => {
          if (index === broken) throw new Error(`step ${index}`);
        });
        await assert.rejects(ended, new RegExp(`step ${broken}`), `${broken} of ${steps}`);
      }
    }
  });

  it("writes all that is missing, and compares no more than it needs to see that most is", async () => {
    const { ended, written, compared } = startWriteBack(8, async () => {});
    await ended;
    assert.deepEqual(
      [...written].sort(),
      Array.from({ length: 8 }, (_, step) => step),
    );
    assert.deepEqual(compared, [0]);
  });
});
