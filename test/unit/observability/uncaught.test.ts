import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createUncaughtReport } from "../../../src/observability/uncaught.ts";

function watched() {
  const lines: { door: string; error: string; stack: string[] }[] = [];
  const counted: string[] = [];
  const count = (door: string) => ({ inc: () => void counted.push(door) });
  const report = createUncaughtReport({
    counts: {
      clients: count("clients"),
      decisions: count("decisions"),
      admin: count("admin"),
      control: count("control"),
      process: count("process"),
    },
    logger: { error: ((line: (typeof lines)[number]) => void lines.push(line)) as never },
  });
  return { lines, counted, report };
}

describe("the report of what nobody caught", () => {
  it("counts each error, and logs those of one place and door once, with the stack", () => {
    const { lines, counted, report } = watched();
    const fail = (text: string) => new TypeError(text);
    for (const text of ["a", "b\n    at c"]) report("admin", fail(text));
    report("clients", fail("c"));
    assert.deepEqual(counted, ["admin", "admin", "clients"]);
    assert.deepEqual(
      lines.map(({ door, error }) => [door, error]),
      [
        ["admin", "TypeError: a"],
        ["clients", "TypeError: c"],
      ],
    );
    assert.match(lines[0]?.stack[0] ?? "", /uncaught\.test\.ts/);
  });

  it("never quotes what was parsed: it may be a credential", () => {
    const { lines, report } = watched();
    try {
      JSON.parse("secret");
    } catch (error) {
      report("control", error);
    }
    assert.ok(!JSON.stringify(lines).includes("secret"));
    assert.equal(lines[0]?.error, "SyntaxError");
  });

  it("stops logging where the places have no end, and takes what is no error", () => {
    const { lines, counted, report } = watched();
    for (let i = 0; i < 300; i += 1) {
      report("process", Object.assign(new Error("x"), { stack: `Error: x\n    at place${i}` }));
    }
    report("process", undefined);
    assert.equal(counted.length, 301);
    assert.equal(lines.length, 100);
  });
});
