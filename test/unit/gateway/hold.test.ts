import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Entry } from "../../../src/denylist/denylist.ts";
import { holdFor } from "../../../src/gateway/hold.ts";

const token = { id: "x".repeat(43), expiresAt: 1000, notBefore: undefined };
const revoking = { access: "protected", revoke: "token" } as const;

function setUp(revoke: (entries: readonly Entry[]) => Promise<void> = async () => {}) {
  const revoked: Entry[] = [];
  const ended: boolean[] = [];
  const options = {
    denylist: {
      revoke: (entries: readonly Entry[]) => {
        revoked.push(...entries);
        return revoke(entries);
      },
    },
    clockToleranceSeconds: 5,
    onHold: () => (released: boolean) => void ended.push(released),
  };
  return { options, revoked, ended };
}

describe("holdFor", () => {
  it("revokes the token for as long as anybody might accept it, on every 2xx", async () => {
    const { options, revoked, ended } = setUp();
    const hold = holdFor(revoking, token, options);
    await hold?.(200);
    await hold?.(204);
    assert.deepEqual(revoked, [
      { kind: "tok", value: token.id, expiresAt: 1005 },
      { kind: "tok", value: token.id, expiresAt: 1005 },
    ]);
    assert.deepEqual(ended, [true, true]);
  });

  it("releases any other status at once, and revokes nothing", () => {
    const { options, revoked } = setUp();
    const hold = holdFor(revoking, token, options);
    for (const status of [302, 304, 400, 401, 403, 404, 500, 503]) {
      assert.equal(hold?.(status), undefined);
    }
    assert.deepEqual(revoked, []);
  });

  it("rejects when the revocation does not hold", async () => {
    const { options, ended } = setUp(() => Promise.reject(new Error("no disk")));
    await assert.rejects(async () => holdFor(revoking, token, options)?.(200), /no disk/);
    assert.deepEqual(ended, [false]);
  });

  it("is not there on other routes, or without a token", () => {
    const { options } = setUp();
    const plain = { access: "protected", revoke: undefined } as const;
    assert.equal(holdFor(plain, token, options), undefined);
    assert.equal(holdFor(revoking, undefined, options), undefined);
  });
});
