import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configSchema } from "../../../src/config/schema.ts";
import { forGood, RememberedLives } from "../../../src/denylist/retention.ts";
import { largestToleranceSeconds } from "../../../src/platform/clock.ts";

const day = 86_400;

describe("for how long revocations are remembered", () => {
  it("limits tokens that are older than a longer life to the shorter one of their time", () => {
    const lives = new RememberedLives();
    lives.change(30 * day, 1000 * day);
    assert.equal(lives.latestExpiry(1010 * day), 1040 * day);
    lives.change(60 * day, 1100 * day);
    assert.equal(lives.latestExpiry(1090 * day), 1120 * day);
    // Issued in the very second of the change, by whatever clock.
    assert.equal(lives.latestExpiry(1100 * day), 1130 * day);
    assert.equal(lives.latestExpiry(1100 * day + 300), 1130 * day + 300);
    assert.equal(lives.latestExpiry(1100 * day + 301), 1160 * day + 301);
  });

  it("limits tokens that were issued before a shorter life to that from its beginning on", () => {
    const lives = new RememberedLives();
    lives.change(60 * day, 1000 * day);
    lives.change(10 * day, 1100 * day);
    lives.change(60 * day, 1105 * day);
    // Whoever ended it on day 1105 had it remembered for 10 days.
    assert.equal(lives.latestExpiry(1090 * day), 1110 * day);
    assert.equal(lives.latestExpiry(1103 * day), 1113 * day);
  });

  it("accepts a token that does not say when it was issued only if all is remembered for good", () => {
    const lives = new RememberedLives();
    lives.change(forGood, 1000 * day);
    assert.equal(lives.latestExpiry(), Number.POSITIVE_INFINITY);
    lives.change(30 * day, 1100 * day);
    assert.equal(lives.latestExpiry(), 1130 * day);
    const dated = new RememberedLives();
    dated.change(30 * day, 1000 * day);
    dated.change(forGood, 1100 * day);
    assert.equal(dated.latestExpiry(), Number.NEGATIVE_INFINITY);
  });

  it("notes a change once, and forgets limits that concern no living token", () => {
    const lives = new RememberedLives();
    lives.change(30 * day, 1000 * day);
    assert.equal(lives.change(30 * day, 1001 * day), undefined);
    lives.change(10 * day, 1002 * day);
    lives.change(20 * day, 1500 * day);
    assert.deepEqual(lives.list, [
      { from: 1002 * day, seconds: 10 * day },
      { from: 1500 * day, seconds: 20 * day },
    ]);
  });

  it("follows changes of the fleet in their order, and says which were not known", () => {
    const lives = new RememberedLives();
    lives.change(10 * day, 1000 * day);
    const earlier = { from: 990 * day, seconds: 5 * day };
    const later = { from: 1001 * day, seconds: 20 * day };
    const known = { from: 1000 * day, seconds: 10 * day };
    assert.deepEqual(lives.adopt([later, earlier, known], 1000 * day), [earlier, later]);
    assert.deepEqual(lives.list, [earlier, known, later]);
    assert.deepEqual(lives.adopt([later, earlier, known], 1000 * day), []);
    // A change that is still to come lets nothing in, and is remembered by at once.
    assert.equal(lives.latestExpiry(1000.5 * day), 1010.5 * day);
    assert.equal(lives.longest(1000.5 * day), 20 * day);
    assert.equal(lives.longest(1001 * day + largestToleranceSeconds + 1), 20 * day);
  });

  it("remembers for as long as a longer life that is over may still be gone by", () => {
    const lives = new RememberedLives();
    assert.equal(lives.longest(1000 * day), 0);
    lives.change(20 * day, 1000 * day);
    lives.change(10 * day, 1100 * day);
    assert.equal(lives.longest(1100 * day + largestToleranceSeconds), 20 * day);
    assert.equal(lives.longest(1100 * day + largestToleranceSeconds + 1), 10 * day);
  });

  it("goes by the largest tolerance that a configuration may have", () => {
    const tokens = (clockTolerance: string) => ({
      tokens: { keys: [{ publicKeyFile: "k" }], clockTolerance },
    });
    assert.ok(configSchema.safeParse(tokens(`${largestToleranceSeconds}s`)).success);
    assert.ok(!configSchema.safeParse(tokens(`${largestToleranceSeconds + 1}s`)).success);
  });
});
