import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Entry } from "../../../../src/denylist/denylist.ts";
import { formatEntry } from "../../../../src/denylist/entry-text.ts";
import {
  formatHead,
  parseHead,
  type SnapshotHead,
} from "../../../../src/denylist/redis/snapshot-head.ts";
import { loadSnapshot } from "../../../../src/denylist/redis/snapshot-load.ts";
import type { Epoch } from "../../../../src/denylist/redis/store-state.ts";

const entry = (index: number): Entry =>
  ({ kind: "tok", value: String(index).padStart(43, "x"), expiresAt: 2e9 }) as unknown as Entry;
const head = {
  ...{ epochId: "epoch", id: "snapshot", parts: 4, firstEntries: 3, entries: 4 },
  ...{ madeAt: 1.8e9, lacksUntil: 1300, tail: { id: "1-0", text: "last" } },
} as SnapshotHead;

/** Loads a snapshot of these parts and what came since; says what was taken over, and how many parts were asked for at once. */
async function load(
  parts: readonly (readonly string[] | undefined)[],
  since: readonly (readonly Entry[] | undefined)[] = [],
  isWanted = () => true,
  lacksUntil = 1300,
) {
  const values: string[] = [];
  let [ahead, maxAhead] = [0, 0];
  const snapshots = {
    find: async () => ({
      head: parts.length === 0 ? undefined : { ...head, lacksUntil, parts: parts.length },
    }),
    async part(_head: unknown, number: number) {
      ahead += 1;
      maxAhead = Math.max(maxAhead, ahead);
      await new Promise(setImmediate);
      ahead -= 1;
      return parts[number];
    },
    async *since() {
      for (const entries of since) yield entries && { entries };
    },
  };
  const loaded = await loadSnapshot({
    ...{ replica: { snapshots } as never, epoch: {} as Epoch, isWanted },
    clock: { nowSeconds: () => 1000 },
    onEntries: (entries) => void values.push(...entries.map(({ value }) => value)),
  });
  return { loaded, values: values.map((value) => Number(value.replace(/^x+/, ""))), maxAhead };
}
const part = (...indexes: number[]) => indexes.map((index) => formatEntry(entry(index)));

describe("a snapshot", () => {
  it("is loaded part by part in their order, some ahead, and then what came since", async () => {
    const parts = [part(1, 2), part(3), part(4), part(5)];
    const { loaded, values, maxAhead } = await load(parts, [[entry(6)], [entry(7)]]);
    assert.deepEqual([loaded, values], [true, [1, 2, 3, 4, 5, 6, 7]]);
    assert.ok(maxAhead > 1 && maxAhead <= 3, `${maxAhead}`);
    assert.deepEqual((await load([part(1)])).loaded, true);
  });

  it("counts for nothing if there is none, a part is gone or no entry, or the feed was trimmed", async () => {
    assert.equal((await load([])).loaded, false);
    assert.equal((await load([part(1), undefined, part(2)])).loaded, false);
    assert.equal((await load([part(1), ["nonsense", ...part(2)]])).loaded, false);
    assert.equal((await load([part(1)], [[entry(2)], undefined])).loaded, false);
  });

  it("counts for nothing if it lacks what is not over by five minutes", async () => {
    assert.equal((await load([part(1)], [], undefined, 1301)).loaded, false);
  });

  it("is loaded no longer than it is wanted", async () => {
    for (const wantedFor of [0, 1, 2]) {
      let asked = 0;
      const isWanted = () => ++asked <= wantedFor;
      await assert.rejects(load([part(1), part(2)], [[entry(3)]], isWanted), /interrupted/);
    }
  });
});

describe("the head of a snapshot", () => {
  const sound = { ...head, epochId: "A".repeat(16), id: "abcDEF_-" };

  it("is read as it was written, the text of the line too", () => {
    for (const text of ["last", "tok x 1 2", ""]) {
      const one = { ...sound, tail: { id: "12-3", text } };
      const written = formatHead(one);
      assert.deepEqual(parseHead(written) ?? written, one);
    }
  });

  it("is none with a number, name or line that no sidecar writes", () => {
    const changes = [
      { id: "short" },
      { id: "abcDEF_!" },
      { parts: 0 },
      { parts: 100_001 },
      { firstEntries: -1 },
      { entries: 2 },
      { entries: 1e9 + 1 },
      { madeAt: -1 },
      { lacksUntil: -1 },
      { epochId: "" },
      { tail: { id: "1", text: "" } },
      { tail: { id: "1-0", text: "x".repeat(400) } },
    ];
    for (const change of changes)
      assert.equal(
        parseHead(formatHead({ ...sound, ...change })),
        undefined,
        JSON.stringify(change),
      );
    assert.ok(parseHead(formatHead({ ...sound, parts: 100_000, entries: 1e9, firstEntries: 0 })));
  });
});
