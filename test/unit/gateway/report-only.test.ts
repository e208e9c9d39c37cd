import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Denylist } from "../../../src/denylist/denylist.ts";
import { withoutHolding } from "../../../src/gateway/report-only.ts";

describe("a denylist that only reports", () => {
  it("lets answers go whether or not a revocation can be recorded, and drops what was not done", async () => {
    const asked: string[] = [];
    const failing = async (): Promise<void> => {
      asked.push("revoke");
      throw new Error("the disk is full");
    };
    const denylist = withoutHolding({
      revoke: failing,
      intend: async () => ({ revoke: failing, drop: () => void asked.push("drop") }),
    } as unknown as Denylist);
    await denylist.revoke([]);
    const intent = await denylist.intend([]);
    await intent.revoke();
    intent.drop();
    assert.deepEqual(asked, ["revoke", "revoke", "drop"]);
  });
});
