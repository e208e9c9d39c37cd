import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NameAnswers } from "../../../../src/denylist/redis/name-answers.ts";

const trustMs = 3000;
const at = (monotonicMs: number) => ({ monotonicMs, wallMs: 0 });

/** The verdicts on answers that come every 200 ms. */
function verdicts(runs: string, everyMs = 200): string[] {
  const answers = new NameAnswers(trustMs);
  return [...runs].map((run, index) => answers.note(run, at(index * everyMs)));
}

describe("what answers say about where the address of Redis leads", () => {
  it("is one server once five were alike, at the start and after a move", () => {
    const five = [...Array(4).fill("unsure"), "one"];
    assert.deepEqual(verdicts("xxxxxyyyyy"), [...five, ...five]);
  });

  it("is several from when it leads back to one that it had left", () => {
    assert.deepEqual(verdicts("xyxyx"), ["unsure", "unsure", "several", "several", "several"]);
    assert.deepEqual(verdicts("xxxyyyx").at(-1), "several");
  });

  it("is one again when it has led there for as long as an answer is good", () => {
    const back = verdicts(`xyx${"x".repeat(15)}`);
    assert.deepEqual(back.slice(2), [...Array(15).fill("several"), "one"]);
    assert.equal(verdicts(`xyx${"x".repeat(14)}yyyy`).includes("one"), false);
  });

  it("is a move if the server was left long before", () => {
    assert.equal(verdicts("xxxyyyx", trustMs * 10).at(-1), "unsure");
  });

  it("names the servers of late", () => {
    const answers = new NameAnswers(trustMs);
    for (const [index, run] of ["y", "x", "y"].entries()) answers.note(run, at(index));
    assert.deepEqual(answers.servers, ["x", "y"]);
  });
});
