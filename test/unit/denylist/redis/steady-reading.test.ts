import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Tail } from "../../../../src/denylist/redis/log-line.ts";
import {
  isShortLine,
  maxSteadyLines,
  readSteady,
} from "../../../../src/denylist/redis/steady-reading.ts";
import { readState } from "../../../../src/denylist/redis/store-state.ts";

const found = `EpochEpochEpoch1 150 1-0 ${"a".repeat(40)} ${"b".repeat(40)}`;
const guard = "EpochEpochEpoch1 0 moved -";
const [, , , ...server] = found.split(" ");
const state = readState([found, server.join(" "), "master", 0, -2, guard, "0"], {
  replicas: 0,
  allowEviction: false,
});
assert.equal(state?.kind, "trusted");
const position: Tail = { id: "5-1", text: "put five" };
const lineAt = (id: string, text: string, ...more: string[]) => [id, ["line", text, ...more]];
const five = lineAt("5-1", "put five");

/** The answers of a server on which nothing has changed, but for these. */
function read({
  texts = [found, guard, null],
  role = ["master", 17, []],
  lines = [five],
  tail = position,
}: {
  texts?: unknown;
  role?: unknown;
  lines?: unknown;
  tail?: Tail;
} = {}) {
  return readSteady([texts, role, 3, lines], { state: state as never, guard }, { position, tail });
}

describe("a reading that only proves", () => {
  it("proves if all is as it was, and brings what came behind the line read last", () => {
    assert.deepEqual(read(), { lines: [], more: false, sidecars: 3 });
    const six = lineAt("6-0", "tok x 1", "more", "-");
    assert.deepEqual(read({ lines: [five, six] })?.lines, [six]);
  });

  it("proves nothing if the epoch, the guard or the role is another, or a grace period runs", () => {
    const other = found.replace("1 150", "2 150");
    for (const texts of [
      [other, guard, null],
      [null, guard, null],
      [found, null, null],
      [found, guard.replace(" 0 ", " 1 "), null],
      [found, guard, "EpochEpochEpoch1"],
      [found, guard],
      null,
    ]) {
      assert.equal(read({ texts }), undefined, JSON.stringify(texts));
    }
    for (const role of [["slave", "127.0.0.1", 1, "connected", 17], ["sentinel", []], null]) {
      assert.equal(read({ role }), undefined, JSON.stringify(role));
    }
  });

  it("proves nothing if the line read last is not there, by its id and its text", () => {
    for (const lines of [[], [lineAt("5-1", "put other")], [lineAt("6-0", "put six")]]) {
      assert.equal(read({ lines }), undefined, JSON.stringify(lines));
      // Also if the last line that is known to be there is an earlier one, which is not asked for.
      const tail = { id: "4-0", text: "put four" };
      assert.equal(read({ lines, tail }), undefined, JSON.stringify(lines));
    }
    assert.throws(() => read({ lines: [["5-1"]] }), /unexpected answer/);
  });

  it("proves nothing if the last line that is known to be there is behind that one, and is not", () => {
    const tail = { id: "7-0", text: "put seven" };
    assert.equal(read({ tail }), undefined);
    assert.equal(read({ tail, lines: [five, lineAt("7-0", "put other")] }), undefined);
    const lines = [five, lineAt("7-0", "put seven")];
    assert.equal(read({ tail, lines })?.lines.length, 1);
    // A server that has a line has all before it.
    assert.ok(read({ tail: { id: "4-0", text: "put four" } }));
  });

  it("says that there may be more if it brings as many lines as it may", () => {
    const lines = Array.from({ length: maxSteadyLines }, (_, at) => lineAt(`6-${at}`, "put x"));
    assert.equal(read({ lines: [five, ...lines.slice(1)] })?.more, false);
    assert.equal(read({ lines: [five, ...lines] })?.more, true);
    // Where a line is that is known to be there, and may come later, is not known yet.
    assert.equal(
      read({ lines: [five, ...lines], tail: { id: "9-0", text: "put nine" } })?.more,
      true,
    );
    // One that comes before the last of these, and is not among them, is gone.
    const gone = { id: "6-1", text: "put another" };
    assert.equal(read({ lines: [five, ...lines], tail: gone }), undefined);
  });

  it("hands over nothing of a line that no sidecar can have written", () => {
    const lines = [five, lineAt("6-0", "x".repeat(300)), lineAt("7-0", "put", "a", "b", "c")];
    assert.deepEqual(read({ lines })?.lines, [
      ["6-0", ["", "unreadable 300"]],
      ["7-0", ["", "put"]],
    ]);
  });

  it("is not asked for behind a line that may be long: each answer would bring it", () => {
    assert.equal(isShortLine(position), true);
    assert.equal(isShortLine({ id: "5-1", text: "many abcdefgh" }), false);
    assert.equal(isShortLine({ id: "5-1", text: "unreadable 4000000" }), false);
  });
});
