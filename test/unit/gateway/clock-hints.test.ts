import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createClockHints } from "../../../src/gateway/clock-hints.ts";

const now = 1_800_000_000;

function openHints(doubt?: string) {
  const seen: [string, number][] = [];
  const hints = createClockHints({
    clock: { nowSeconds: () => now, doubt, toleranceSeconds: 5 },
    onHint: (source, ahead) => void seen.push([source, ahead]),
  });
  return { hints, seen };
}

const dated = (seconds: number) => ["Date", new Date(seconds * 1000).toUTCString()];

describe("hints at a wrong clock", () => {
  it("are dates of responses that differ by more than the tolerance, either way", () => {
    const { hints, seen } = openHints();
    let nowMs = 0;
    for (const off of [0, 7, -7, 3600, -3600]) {
      hints.sawResponse(dated(now + off), nowMs);
      nowMs += 5000;
    }
    assert.deepEqual(seen, [
      ["date", 3600],
      ["date", -3600],
    ]);
  });

  it("are not looked for in more than one response in five seconds", () => {
    const { hints, seen } = openHints();
    for (const nowMs of [0, 1, 4999, 5000]) hints.sawResponse(dated(now + 60), nowMs);
    assert.equal(seen.length, 2);
  });

  it("are not what comes from a cache, has no date, or one that is none", () => {
    const { hints, seen } = openHints();
    const all = [
      [...dated(now - 3600), "Age", "3600"],
      ["X", "y"],
      ["Date", "soon"],
    ];
    for (const [index, headers] of all.entries()) hints.sawResponse(headers, index * 5000);
    assert.deepEqual(seen, []);
  });

  it("are tokens that were issued in the future, one a second", () => {
    const { hints } = openHints();
    assert.deepEqual(
      [undefined, now - 9, now + 5, now + 6, now + 7].map((iat) => hints.isAhead(iat)),
      [false, false, false, true, false],
    );
  });

  it("are none while the clock is known to be in doubt", () => {
    const { hints, seen } = openHints("it jumped");
    hints.sawResponse(dated(now + 3600), 0);
    assert.equal(hints.isAhead(now + 3600), false);
    assert.deepEqual(seen, []);
  });
});
