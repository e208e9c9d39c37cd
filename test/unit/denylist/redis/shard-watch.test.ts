import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ShardWatch, type ShardWatchOptions } from "../../../../src/denylist/redis/shard-watch.ts";

/** A watch of two shards beside the feed's; each look waits to be told what it found. */
function watched(spread = true) {
  const said = { looked: [] as string[], lacking: [] as string[], begun: [] as string[] };
  const finds: (() => void)[] = [];
  const state = { kind: "same" as string, why: undefined as string | undefined, where: "there" };
  const options = {
    replica: {
      keys: { spread, entryShards: ["a", "b"] },
      onDoubt: () => {},
      look: (shard: string) => {
        said.looked.push(shard);
        return new Promise((resolve) =>
          finds.push(() =>
            resolve({ state: { ...state, epoch: { id: "e" }, found: "f" }, where: state.where }),
          ),
        );
      },
      believe: () => {},
    },
    known: {
      tailOf: () => undefined,
      isSettled: () => true,
      doubt: () => said.begun.push("doubt"),
    },
    keeper: {
      begin: async (shard: string, _found: unknown, why: string) =>
        said.begun.push(`${shard} ${why}`),
      note: () => {},
      hasLeft: () => false,
    },
    onLacking: (shard: string) => said.lacking.push(shard),
  };
  return { watch: new ShardWatch(options as unknown as ShardWatchOptions), said, finds, state };
}
const findAll = (finds: (() => void)[]) => finds.splice(0).forEach((find) => void find());

describe("the watch of the shards", () => {
  it("looks at one after the other, in turn, and at each once at a time", async () => {
    const { watch, said, finds } = watched();
    const first = watch.lookAtNext();
    assert.equal(watch.look("a"), watch.look("a"));
    const second = watch.lookAtNext();
    assert.deepEqual(said.looked, ["a", "b"]);
    findAll(finds);
    await Promise.all([first, second]);
    const third = watch.lookAtNext();
    assert.deepEqual(said.looked, ["a", "b", "a"]);
    findAll(finds);
    await third;
    assert.deepEqual([said.begun, said.lacking], [[], []]);
  });

  it("begins a new epoch of one that has changed, and has it compared", async () => {
    const { watch, said, finds, state } = watched();
    Object.assign(state, { kind: "changed", why: "restarted" });
    const look = watch.look("b");
    findAll(finds);
    await look;
    assert.deepEqual([said.begun, said.lacking], [["b restarted"], ["b"]]);
  });

  it("has one compared whose feed was trimmed, and looks at none that is not its own", async () => {
    const { watch, said, finds, state } = watched();
    state.where = "trimmed";
    const look = watch.look("a");
    findAll(finds);
    await look;
    assert.deepEqual([said.begun, said.lacking], [["doubt"], ["a"]]);
    await watch.look("feed");
    const alone = watched(false);
    await alone.watch.lookAtNext();
    assert.deepEqual([said.looked, alone.said.looked], [["a"], []]);
  });
});
