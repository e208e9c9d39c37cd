import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  formatMainIssuer,
  joinMainIssuers,
  labelOf,
  type MainIssuer,
  parseMainIssuer,
  settleMainIssuer,
} from "../../../src/denylist/main-issuer.ts";

const [x, y] = [labelOf("x"), labelOf("y")];
const named = (...names: string[]) => names.map((issuer) => ({ issuer }));

/** What is noted after these configurations, `[main, others]`, one after the other. */
function after(...configurations: [string | undefined, ...string[]][]): MainIssuer | "unclear" {
  let held: MainIssuer | undefined;
  for (const [issuer, ...others] of configurations) {
    const next = settleMainIssuer(held, { issuer, issuers: named(...others) });
    if (next === "unclear") return next;
    held = next;
  }
  assert.ok(held);
  return held;
}

describe("the issuer whose names have no issuer", () => {
  it("is the first main one, wherever it stands later", () => {
    assert.deepEqual(after(["x"]), { main: x });
    assert.deepEqual(after(["x"], ["y", "x"], ["y"], ["z", "y", "x"]), { main: x });
    assert.deepEqual(after(["x"], [undefined]), { main: x });
  });

  it("is given its name later, alone or beside issuers that had theirs", () => {
    assert.deepEqual(after([undefined], ["x"], ["y", "x"]), { main: x });
    assert.deepEqual(after([undefined, "y"], ["x", "y"]), { main: x });
  });

  it("is unknown if several get a name at once", () => {
    assert.equal(after([undefined], ["y", "x"]), "unclear");
    assert.equal(after([undefined, "y"], ["x", "y", "z"]), "unclear");
  });

  it("is not one that had a name beside it", () => {
    assert.deepEqual(after([undefined, "x"], ["x"], ["x", "y"]), {
      main: null,
      others: [x, y],
    });
  });

  it("is found out by another store that has it", () => {
    const unnamed = { main: null, others: [y] };
    assert.deepEqual(joinMainIssuers(unnamed, { main: x }), { main: x });
    assert.deepEqual(joinMainIssuers(unnamed, { main: y }), unnamed);
    assert.deepEqual(joinMainIssuers({ main: x }, { main: y }), { main: x });
    assert.deepEqual(joinMainIssuers(unnamed, { main: null, others: [x] }), {
      main: null,
      others: [y, x],
    });
  });

  it("is read as it was written, and not from anything else", () => {
    for (const held of [
      { main: labelOf("ü x") },
      { main: null, others: [x, y] },
      { main: null, others: [] },
    ]) {
      assert.deepEqual(parseMainIssuer(formatMainIssuer(held)), held);
    }
    for (const text of ["", "main", "main x", `main ${x} ${y}`, `others ${x}`, `unnamed ${x} `]) {
      assert.equal(parseMainIssuer(text), undefined, text);
    }
  });
});
