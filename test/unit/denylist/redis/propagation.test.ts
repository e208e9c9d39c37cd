import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import {
  Propagation,
  type PropagationOptions,
} from "../../../../src/denylist/redis/propagation.ts";

const epoch = { id: "first", stalenessMs: 0 };
const line = { id: "1-1", text: "" };

/** Puts nothing in force, with what each look at the store sees; says how often it was sent, and what was looked for. */
async function putInForce(
  t: TestContext,
  looks: readonly { readonly epoch?: string; readonly where?: string; readonly agreed?: boolean }[],
) {
  const end = new AbortController();
  t.after(() => end.abort());
  let [sent, at] = [0, 0];
  const sought: unknown[] = [];
  const options = {
    courier: {
      async deliver() {
        sent += 1;
        return epoch;
      },
    },
    known: { lastOf: () => line },
    freshness: { isAgreed: () => looks[at - 1]?.agreed ?? true },
    replica: {
      keys: { feedShard: "" },
      async look(_shard: string, tail: unknown) {
        sought.push(tail);
        const { epoch: id = "first", where = "there" } = looks[at] ?? {};
        at += 1;
        return { state: { kind: "trusted", epoch: { id } }, where };
      },
    },
    ...{ holdTimeoutMs: 20_000, signal: end.signal },
  } as unknown as PropagationOptions;
  await new Propagation(options).putInForce([]);
  return { sent, looked: at, sought };
}

describe("a hold", () => {
  it("is over when the store has the last line still, a staleness after it had it", async (t) => {
    const { sent, sought } = await putInForce(t, [{}]);
    assert.equal(sent, 1);
    assert.deepEqual(sought, [line]);
  });

  it("begins anew if the store has gone back, or is in another epoch", async (t) => {
    for (const look of [{ where: "gone" }, { epoch: "second" }]) {
      assert.equal((await putInForce(t, [look, look, {}])).sent, 3);
    }
  });

  it("goes on while the address may lead to another server", async (t) => {
    const { sent, looked } = await putInForce(t, [{ agreed: false }, { agreed: false }, {}]);
    assert.deepEqual([sent, looked], [1, 3]);
  });
});
