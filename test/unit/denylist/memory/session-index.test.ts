import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SessionIndex } from "../../../../src/denylist/memory/session-index.ts";

describe("SessionIndex", () => {
  it("names the sessions of a subject that are held, each once", () => {
    const held = new Set(["one", "two", "other"]);
    const index = new SessionIndex((session) => held.has(session));
    for (const session of ["one", "two", "one", "gone"]) index.add("alice", session);
    index.add("bob", "other");
    assert.deepEqual(index.of("alice"), ["one", "two"]);
    held.delete("one");
    assert.deepEqual(index.of("alice"), ["two"]);
    assert.deepEqual(index.of("nobody"), []);
  });

  it("forgets, some at a time, those of whom no session is held, though nobody asks", () => {
    const held = new Set<string>();
    const index = new SessionIndex((session) => held.has(session));
    for (let i = 0; i < 100; i += 1) {
      held.add(`session ${i}`);
      index.add(`subject ${i}`, `session ${i}`);
    }
    held.clear();
    held.add("session 7");
    // Behind the end of a round the next one begins.
    for (let i = 0; i < 8; i += 1) index.sweep(30);
    assert.equal(index.subjects, 1);
    held.clear();
    for (let i = 0; i < 3; i += 1) index.sweep(1);
    assert.equal(index.subjects, 0);
    index.add("late", "session 8");
    held.add("session 8");
    for (let i = 0; i < 3; i += 1) index.sweep(1);
    assert.deepEqual(index.of("late"), ["session 8"]);
  });
});
