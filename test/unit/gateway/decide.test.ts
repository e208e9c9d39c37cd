import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Standing } from "../../../src/denylist/denylist.ts";
import { decide, type Facts } from "../../../src/gateway/decide.ts";
import type { Verification } from "../../../src/token/verifier.ts";
import { someToken } from "../../helpers/tokens.ts";

const token = someToken;
const valid: Verification = { kind: "valid", token };

function facts(changes: Partial<Facts> = {}): Facts {
  return {
    route: { access: "protected", revoke: undefined },
    credential: { kind: "found", credential: "abc" },
    verify: () => valid,
    lookUp: () => "live",
    isTimeInDoubt: () => false,
    ...changes,
  };
}

describe("decide", () => {
  it("allows a valid token that is not on the denylist", () => {
    assert.deepEqual(decide(facts()), { kind: "allow", token });
  });

  const denied: [string, Partial<Facts>, string][] = [
    ["no credential", { credential: { kind: "missing" } }, "token_missing"],
    ["several credentials", { credential: { kind: "ambiguous" } }, "token_ambiguous"],
    ["a bad token", { verify: () => ({ kind: "invalid" }) }, "token_invalid"],
    ["an expired token", { verify: () => ({ kind: "expired", token }) }, "token_expired"],
    ["a revoked token", { lookUp: () => "revoked" }, "token_revoked"],
  ];
  for (const [what, changes, reason] of denied) {
    it(`denies ${what}`, () => assert.deepEqual(decide(facts(changes)), { kind: "deny", reason }));
  }

  it("waits for its turn on every route if the signature has not been checked", () => {
    const verify = (): Verification => ({ kind: "unchecked" });
    for (const access of ["protected", "optional", "public"] as const) {
      const verdict = decide(facts({ route: { access, revoke: undefined }, verify }));
      assert.deepEqual(verdict, { kind: "wait", what: "turn" });
    }
  });

  it("cannot tell while it depends on which clock is right whether a token has expired", () => {
    const verify = (): Verification => ({ kind: "in_doubt", token });
    assert.deepEqual(decide(facts({ verify })), { kind: "deny", reason: "denylist_unavailable" });
  });

  it("makes no cut-off while the time is in doubt, on protected and public routes", () => {
    const isTimeInDoubt = () => true;
    for (const access of ["protected", "public"] as const) {
      const verdict = decide(facts({ route: { access, revoke: "subject" }, isTimeInDoubt }));
      assert.deepEqual(verdict, { kind: "deny", reason: "denylist_unavailable" });
    }
    for (const revoke of ["token", undefined] as const) {
      const verdict = decide(facts({ route: { access: "protected", revoke }, isTimeInDoubt }));
      assert.equal(verdict.kind, "allow");
    }
  });

  it("does not ask whether a revocation of an expired token was forgotten", () => {
    const decision = decide(
      facts({
        route: { access: "protected", revoke: "token", expired: "forward" },
        verify: () => ({ kind: "expired", token }),
        lookUp: ({ expiresAt }) => (expiresAt === undefined ? "live" : "ask"),
      }),
    );
    assert.equal(decision.kind, "allow");
  });

  it("has the store asked when memory cannot say no", () => {
    const verdict = decide(facts({ lookUp: (): Standing => "ask" }));
    assert.deepEqual(verdict, { kind: "ask", token });
  });

  it("checks the signature before it looks anything up", () => {
    const verify = () => ({ kind: "invalid" }) as const;
    const lookUp = () => assert.fail("a forged token cost a look-up");
    decide(facts({ verify, lookUp }));
  });

  describe("on a public route", () => {
    const route = { access: "public", revoke: "token" } as const;

    it("allows anything, and knows the token that is to end", () => {
      assert.deepEqual(decide(facts({ route })), { kind: "allow", token });
    });

    it("allows a request without a token, or with one that is worth nothing", () => {
      const allowed = { kind: "allow", token: undefined };
      assert.deepEqual(decide(facts({ route, credential: { kind: "missing" } })), allowed);
      assert.deepEqual(decide(facts({ route, verify: () => ({ kind: "invalid" }) })), allowed);
    });

    it("does not guess which of several tokens a reset would end", () => {
      const credential = { kind: "ambiguous" } as const;
      assert.deepEqual(decide(facts({ route, credential })), {
        kind: "deny",
        reason: "token_ambiguous",
      });
      const plain = { access: "public", revoke: undefined } as const;
      assert.equal(decide(facts({ route: plain, credential })).kind, "allow");
    });

    it("has nothing to wait for or to refuse in a token that it does not end", () => {
      const credential = { kind: "ambiguous" } as const;
      const ready = Promise.resolve();
      const verify = (): Verification => ({ kind: "unknown_key", ready });
      const kindsFor = (keepsCarriedToken: boolean | undefined) => {
        const changes = { route: { ...route, keepsCarriedToken } };
        return [facts({ ...changes, credential }), facts({ ...changes, verify })].map(
          (each) => decide(each).kind,
        );
      };
      assert.deepEqual(kindsFor(true), ["allow", "allow"]);
      assert.deepEqual(kindsFor(false), ["deny", "wait"]);
      assert.deepEqual(kindsFor(undefined), ["deny", "wait"]);
    });
  });
});
