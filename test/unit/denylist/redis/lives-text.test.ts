import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  agreeOnLives,
  formatLives,
  leadSeconds,
  parseLives,
  possibleLives,
} from "../../../../src/denylist/redis/lives-text.ts";

const [hour, day] = [3600, 86_400];
const now = 1_800_000_000;
const nothing = { claimedAt: 0, lives: [] };
const needed = { known: [], ownSeconds: hour, now, inDoubt: false };

describe("what stands in Redis of how long revocations are remembered", () => {
  it("begins with what the first sidecar needs, for all times before it too", () => {
    const lives = [{ from: now, seconds: hour }];
    assert.deepEqual(agreeOnLives(nothing, needed), { claimedAt: now, lives });
  });

  it("begins with what a journal has, so that what was remembered for shorter is not forgotten", () => {
    const known = [{ from: now - 10 * day, seconds: hour }];
    const { lives } = agreeOnLives(nothing, { ...needed, known, ownSeconds: 4 * hour });
    assert.deepEqual(lives, [...known, { from: now + leadSeconds, seconds: 4 * hour }]);
  });

  it("says a longer life before it comes into force, and a shorter one when nobody has needed the longer for a day", () => {
    const held = { claimedAt: now - day + 10, lives: [{ from: now - 9 * day, seconds: 4 * hour }] };
    const longer = agreeOnLives(held, { ...needed, ownSeconds: 5 * hour });
    assert.deepEqual(longer.lives.at(-1), { from: now + leadSeconds, seconds: 5 * hour });
    assert.deepEqual(agreeOnLives(held, needed), held);
    const later = { ...needed, now: now + 20 };
    assert.deepEqual(agreeOnLives(held, later).lives.at(-1), {
      from: now + 20 + leadSeconds,
      seconds: hour,
    });
    assert.deepEqual(agreeOnLives(held, { ...later, inDoubt: true }), held, "by a clock in doubt");
  });

  it("is not shortened by somebody who finds it lost: it may have been needed a moment ago", () => {
    const known = [{ from: now - day, seconds: 4 * hour }];
    const agreed = agreeOnLives(nothing, { ...needed, known });
    assert.deepEqual(agreed, { claimedAt: now, lives: known });
  });

  it("is shortened by others only if nobody was seen to need it for a day", () => {
    const known = [{ from: now - 9 * day, seconds: 4 * hour }];
    const shorter = { from: now - 10, seconds: hour };
    const seen = { known, now, inDoubt: false, claimedAt: now - day / 2 };
    const possible = (more: object) => possibleLives([...known, shorter], { ...seen, ...more });
    assert.deepEqual(possible({}), known);
    assert.deepEqual(possible({ claimedAt: now - day }), [...known, shorter]);
    assert.deepEqual(possible({ inDoubt: true }), [...known, shorter]);
    assert.deepEqual(possible({ known: [] }), [...known, shorter]);
    assert.deepEqual(possible({ known: [...known, shorter] }), [...known, shorter]);
  });

  it("is claimed by whoever needs the last life, not more than once an hour", () => {
    const held = { claimedAt: now - hour + 10, lives: [{ from: now - day, seconds: hour }] };
    assert.deepEqual(agreeOnLives(held, needed), held);
    assert.equal(agreeOnLives(held, { ...needed, now: now + 20 }).claimedAt, now + 20);
  });

  it("keeps what two sidecars know that found it lost, and each change once", () => {
    const [one, other] = [
      { from: now - 3 * hour, seconds: hour },
      { from: now - 2 * hour, seconds: 4 * hour },
    ];
    const held = { claimedAt: now, lives: [other] };
    const needs = { ...needed, ownSeconds: 4 * hour };
    assert.deepEqual(agreeOnLives(held, { ...needs, known: [one, other] }).lives, [one, other]);
    assert.deepEqual(agreeOnLives(held, { ...needs, known: [other] }).lives, [other]);
  });

  it("stays short enough to be written, and never says that more was remembered than was", () => {
    const lives = Array.from({ length: 40 }, (_, i) => ({
      from: now - 40 + i,
      seconds: hour + ((i * 7) % 40),
    }));
    const agreed = agreeOnLives({ claimedAt: now, lives }, { ...needed, ownSeconds: hour + 33 });
    const text = formatLives(agreed);
    assert.ok(text.length <= 600, text);
    assert.equal(agreed.lives[0]?.seconds, hour);
    assert.deepEqual(parseLives(text, now), agreed);
  });

  it("is nothing if somebody else has written it, or it begins when no sidecar would say", () => {
    const good = `${now} ${now - day}:${hour}`;
    assert.equal(parseLives(good, now).lives.length, 1);
    for (const text of [
      "unreadable!",
      "",
      `${now}`,
      `${now} 1:0`,
      `${now} -1:5`,
      `${now} 1e3:5`,
      `${now} ${now}:99999999999`,
      `${now} ${now + 10 * day}:5`,
      `${now + 10 * day} ${now}:5`,
      `x ${now}:5`,
    ]) {
      assert.deepEqual(parseLives(text, now).lives, [], text);
    }
  });
});
