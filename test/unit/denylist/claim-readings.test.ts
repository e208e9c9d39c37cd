import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  followReadings,
  formatReadings,
  formerClaims,
  parseReadings,
  readingsOf,
} from "../../../src/denylist/claim-readings.ts";

const reading = (subjectClaim: string, sessionClaim = "sid", issuer?: string) =>
  readingsOf([{ issuer, subjectClaim, sessionClaim }]);
const token = (issuedAt: number | undefined) => ({
  ...{ issuedAt, subjectClaim: "uid", sessionClaim: "sid" },
});

describe("claims that name subjects and sessions", () => {
  it("have nobody before them in a store that is new", () => {
    const held = followReadings(reading("uid"), reading("uid"), 500);
    assert.equal(held.changedAt, 0);
    assert.deepEqual(formerClaims(held, token(1)), []);
  });

  it("are looked up after a change, for tokens that were there before it or say not since when", () => {
    const held = followReadings(reading("sub"), reading("uid"), 500);
    for (const issuedAt of [1, 500, 860, undefined]) {
      assert.deepEqual(formerClaims(held, token(issuedAt)), [{ kind: "sub", claim: "sub" }]);
    }
    assert.deepEqual(formerClaims(held, token(861)), []);
    const session = followReadings(reading("uid", "session"), reading("uid"), 500);
    assert.deepEqual(formerClaims(session, token(1)), [{ kind: "sid", claim: "session" }]);
  });

  it("change if one issuer's do, even if another has them", () => {
    const both = (x: string, y: string) =>
      readingsOf([
        { issuer: "x", subjectClaim: x, sessionClaim: "sid" },
        { issuer: "y", subjectClaim: y, sessionClaim: "sid" },
      ]);
    const held = followReadings(both("sub", "uid"), both("uid", "sub"), 500);
    assert.equal(held.changedAt, 500);
    assert.deepEqual(formerClaims(held, token(1)), [{ kind: "sub", claim: "sub" }]);
  });

  it("go on changing while sidecars with others are there, and settle when they are gone", () => {
    let held = reading("sub");
    for (let round = 1; round <= 3; round += 1) {
      held = followReadings(held, reading("uid"), round * 10);
      held = followReadings(held, reading("sub"), round * 10 + 5);
    }
    held = followReadings(held, reading("uid"), 40);
    const settled = followReadings(held, held, 1000);
    assert.deepEqual(settled, held);
    assert.equal(settled.changedAt, 40);
    assert.deepEqual([...settled.subject].sort(), ["sub", "uid"]);
  });

  it("are read as they were written, and not from anything else", () => {
    const held = followReadings(reading("/user/id"), reading("https://a.example/ü", "s"), 5);
    assert.deepEqual(parseReadings(formatReadings(held)), held);
    for (const text of ["", "a b", `${held.label} x`, `${held.label} 1 q.c3Vi`]) {
      assert.equal(parseReadings(text), undefined, text);
    }
  });
});
