import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Connection, check, type Event } from "./checker.ts";

const event = (changes: Partial<Event>): Event => ({
  token: 1,
  sidecar: 0,
  kind: "call",
  startedMs: 0,
  endedMs: 1,
  outcome: "allowed",
  ...changes,
});
const logout = event({ kind: "logout", startedMs: 10, endedMs: 20 });
const found = (events: Event[], blindness: Parameters<typeof check>[0]["blindness"] = []) =>
  check({ events, blindness }).map(({ what }) => what);

describe("the checker of chaos", () => {
  it("finds a request that started after its token's logout was answered, however late", () => {
    for (const startedMs of [21, 1_000_000]) {
      const late = event({ startedMs, endedMs: startedMs + 1, sidecar: 2 });
      assert.deepEqual(found([late, logout]), ["revoked token allowed"]);
    }
  });

  it("has nothing against one that met a rollback of what was given up just before, and no other", () => {
    const late = event({ startedMs: 25, endedMs: 35 });
    const of = (savedMs: number, fromMs: number, toMs: number) =>
      check({ events: [logout, late], blindness: [], rollbacks: [{ savedMs, fromMs, toMs }] });
    assert.deepEqual(of(15, 30, 32), []);
    assert.equal(of(21, 30, 32).length, 1);
    assert.equal(of(15, 36, 40).length, 1);
    assert.equal(of(-2000, -1500, -1000).length, 1);
  });

  it("finds a second logout that the application answered", () => {
    const second = { ...logout, startedMs: 30, endedMs: 40 };
    assert.deepEqual(found([logout, second]), ["revoked token allowed"]);
  });

  it("has nothing against one that was under way, or whose logout was never answered", () => {
    assert.deepEqual(found([logout, event({ startedMs: 15, endedMs: 50 })]), []);
    const unanswered: Event = { ...logout, outcome: "failed" };
    assert.deepEqual(found([unanswered, event({ startedMs: 30, endedMs: 31 })]), []);
    const refused = event({ startedMs: 30, endedMs: 31, outcome: "refused" });
    assert.deepEqual(found([unanswered, refused]), []);
  });

  it("finds a token refused that nobody had tried to give up", () => {
    assert.deepEqual(found([event({ outcome: "refused" }), logout]), ["live token refused"]);
    assert.deepEqual(found([event({ outcome: "refused" })]), ["live token refused"]);
  });

  it("has nothing against a token refused once it has expired, and everything against it allowed", () => {
    const endsMs = new Map([[1, 100]]);
    const of = (changes: Partial<Event>) =>
      check({ events: [event(changes)], blindness: [], endsMs }).map(({ what }) => what);
    assert.deepEqual(of({ startedMs: 110, endedMs: 120, outcome: "refused" }), []);
    assert.deepEqual(of({ startedMs: 80, endedMs: 90, outcome: "refused" }), [
      "live token refused",
    ]);
    const late = event({ startedMs: 110, endedMs: 120 });
    const both = check({ events: [logout, late], blindness: [], endsMs });
    assert.deepEqual(
      both.map(({ what }) => what),
      ["revoked token allowed"],
    );
  });

  it("finds a connection that outlived its token, and one that was cut without reason", () => {
    const of = (connection: Partial<Connection>, settledMs = 100) =>
      check({
        events: [logout],
        blindness: [],
        connections: [{ token: 1, sidecar: 0, openedMs: 1, ...connection }],
        settledMs,
      }).map(({ what }) => what);
    assert.deepEqual(of({}), ["revoked connection open"]);
    assert.deepEqual(of({}, 15), []);
    assert.deepEqual(of({ token: 2 }), []);
    assert.deepEqual(of({ closedMs: 21, wasCut: true }), []);
    assert.deepEqual(of({ closedMs: 5, wasCut: true }), ["live connection cut"]);
    assert.deepEqual(of({ closedMs: 5, wasCut: false }), []);
    assert.deepEqual(of({ token: 2, closedMs: 50, wasCut: true }), ["live connection cut"]);
  });

  it("finds a request allowed by a sidecar that could not know", () => {
    const blind = { sidecar: 0, fromMs: 100, toMs: 200 };
    const within = event({ startedMs: 110, endedMs: 190 });
    assert.deepEqual(found([within], [blind]), ["allowed without knowing"]);
    assert.deepEqual(found([{ ...within, sidecar: 1 }], [blind]), []);
    assert.deepEqual(found([{ ...within, endedMs: 210 }], [blind]), []);
    assert.deepEqual(
      found(
        [
          { ...within, outcome: "refused" },
          { ...logout, endedMs: 50 },
        ],
        [blind],
      ),
      [],
    );
  });
});
