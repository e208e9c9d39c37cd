import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readCommand } from "../../../src/control/read-command.ts";
import { maxEntriesPerCommand } from "../../../src/control/store-command.ts";
import { ControlError } from "../../../src/errors.ts";

/** What is said of a request that is no command. */
function refusalOf(request: unknown): string {
  try {
    readCommand(request);
  } catch (error) {
    assert.ok(error instanceof ControlError);
    return error.message;
  }
  return assert.fail("it was read");
}

describe("a command", () => {
  it("brings 5000 entries, and no more", () => {
    const entry = { kind: "tok", value: "a".repeat(43), expiresAt: 1_900_000_000 } as const;
    const command = (count: number) => ({
      command: "add" as const,
      entries: new Array<typeof entry>(count).fill(entry),
    });
    assert.deepEqual(readCommand(command(maxEntriesPerCommand)), command(maxEntriesPerCommand));
    assert.match(
      refusalOf(command(maxEntriesPerCommand + 1)),
      /^expected at most 5000 entries, got 5001: send/,
    );
  });

  it("that is none is refused in a few words, however much is wrong with it", () => {
    const names = Array.from({ length: 50_000 }, (_, i) => [`name${i}`, 1]);
    const wrong = [
      { command: "add", entries: Array.from({ length: 50_000 }, () => ({})) },
      { command: "add", entries: Array.from({ length: maxEntriesPerCommand }, () => ({})) },
      { command: "list", ...Object.fromEntries(names) },
      { command: "x".repeat(1_000_000) },
      ...[undefined, null, "add", 7, [], { entries: 7 }],
    ];
    for (const each of wrong) assert.ok(refusalOf(each).length < 600);
  });

  it("names what is wrong with it first, and how much more there is", () => {
    const text = refusalOf({ command: "add", entries: [{}, {}] });
    assert.match(text, /entries\[0\]\.kind/);
    assert.match(text, /and 3 more$/);
  });
});
