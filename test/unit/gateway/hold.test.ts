import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Entry } from "../../../src/denylist/denylist.ts";
import { type HoldOptions, holdFor } from "../../../src/gateway/hold.ts";
import { plainNames } from "../../../src/token/names.ts";

const token = {
  id: "x".repeat(43),
  expiresAt: 1000,
  notBefore: undefined,
  subject: undefined,
  issuedAt: undefined,
};
const revoking = { access: "protected", revoke: "token" } as const;

const answer = (status: number) => ({
  status,
  headers: [],
  readBody: () => assert.fail("nothing is asked of the body"),
});

function setUp(changes: Partial<HoldOptions> = {}, revoke = async () => {}) {
  const said: string[] = [];
  const options: HoldOptions = {
    denylist: {
      async intend(entries: readonly Entry[]) {
        said.push(
          `intend ${entries.map(({ kind, value, expiresAt }) => `${kind}:${value.slice(0, 3)} ${expiresAt}`)}`,
        );
        return {
          revoke() {
            said.push("revoke");
            return revoke();
          },
          drop: () => void said.push("drop"),
        };
      },
    },
    clock: { nowSeconds: () => 100 },
    lifetimes: { clockToleranceSeconds: 5, maxLifetimeSeconds: 500 },
    onUnknownOutcome: "revoke",
    onHold: () => (released) => void said.push(released ? "released" : "withheld"),
    onLost: () => void said.push("lost"),
    onSubjectUnknown: () => void said.push("nobody"),
    bodyBytes: 1000,
    names: plainNames,
    ...changes,
  };
  return { hold: holdFor(revoking, { tokens: [token], subjects: [] }, options), said };
}

describe("holdFor", () => {
  it("notes the intent before anything, for as long as anybody might accept the token", async () => {
    const { hold, said } = setUp();
    await hold;
    assert.deepEqual(said, ["intend tok:xxx 1005"]);
  });

  for (const status of [200, 202, 204, 299]) {
    it(`revokes on ${status}, and releases when that holds`, async () => {
      const { hold, said } = setUp();
      await (await hold)?.onResponse(answer(status));
      assert.deepEqual(said.slice(1), ["revoke", "released"]);
    });
  }

  for (const status of [302, 304, 400, 401, 403, 404, 500, 503]) {
    it(`releases ${status} at once, and revokes nothing`, async () => {
      const { hold, said } = setUp();
      assert.equal((await hold)?.onResponse(answer(status)), undefined);
      assert.deepEqual(said.slice(1), ["drop"]);
    });
  }

  it("rejects when the revocation does not hold", async () => {
    const { hold, said } = setUp({}, () => Promise.reject(new Error("no disk")));
    await assert.rejects(async () => (await hold)?.onResponse(answer(200)), /no disk/);
    assert.deepEqual(said.slice(1), ["revoke", "withheld"]);
  });

  it("revokes when an answer is lost that the application may have given", async () => {
    const { hold, said } = setUp();
    await (await hold)?.onLost(true);
    assert.deepEqual(said.slice(1), ["lost", "revoke"]);
  });

  it("keeps the token where that is configured, or where nothing was sent", async () => {
    const keep = setUp({ onUnknownOutcome: "keep" });
    await (await keep.hold)?.onLost(true);
    assert.deepEqual(keep.said.slice(1), ["drop"]);
    const unsent = setUp();
    await (await unsent.hold)?.onLost(false);
    assert.deepEqual(unsent.said.slice(1), ["drop"]);
  });

  it("releases a subject's revocation only when its second is over", async () => {
    const times = [100.2, 100.2, 100.7, 101];
    const clock = { nowSeconds: () => times.shift() ?? 101 };
    const cutoffs: (number | undefined)[] = [];
    const options = {
      clock,
      lifetimes: { clockToleranceSeconds: 5, maxLifetimeSeconds: 500 },
      denylist: {
        intend: async () => ({
          revoke: async (entries: readonly Entry[] = []) => {
            cutoffs.push(...entries.map(({ cutoff }) => cutoff));
          },
          drop() {},
        }),
      },
      onUnknownOutcome: "revoke",
      onHold: () => () => {},
      onLost() {},
      onSubjectUnknown() {},
      bodyBytes: 1000,
      names: plainNames,
    } as const;
    const route = { access: "protected", revoke: "subject" } as const;
    const hold = await holdFor(
      route,
      { tokens: [{ ...token, subject: "s".repeat(43) }], subjects: [] },
      options,
    );
    await hold?.onResponse(answer(200));
    assert.deepEqual(cutoffs, [undefined, 100]);
    // Asked until the second was over: all times are used up.
    assert.deepEqual(times, []);
  });

  it("is not there on other routes, or without a token", () => {
    const intend = () => assert.fail("nothing would be revoked");
    const options = { denylist: { intend } } as unknown as HoldOptions;
    const plain = { access: "protected", revoke: undefined } as const;
    assert.equal(holdFor(plain, { tokens: [token], subjects: [] }, options), undefined);
    assert.equal(holdFor(revoking, { tokens: [], subjects: [] }, options), undefined);
  });
});
