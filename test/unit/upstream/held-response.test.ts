import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { HeldBody } from "../../../src/upstream/held-response.ts";

/** A body whose reader takes three bytes. */
function held(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const said = { unread: 0 };
  const body = new HeldBody(1000, () => {
    said.unread += 1;
  });
  return { body, said, whole: body.read(3) };
}

describe("the body of a held response", () => {
  it("is read as a whole, with its trailers, and sent on as it came", async (t) => {
    const { body, said, whole } = held(t);
    assert.ok(body.isAwaited);
    for (const part of ["ab", "c"]) body.add(Buffer.from(part));
    body.end(["A", "b"]);
    assert.equal((await whole)?.toString(), "abc");
    assert.deepEqual([body.isAwaited, body.trailers, said.unread], [false, ["A", "b"], 0]);
    const sent: string[] = [];
    const relay = {
      flushHead: () => sent.push("head"),
      write: (part: Buffer) => sent.push(`${part}`),
    };
    assert.deepEqual(body.passOn(relay), ["A", "b"]);
    assert.deepEqual(sent, ["ab", "c"]);
  });

  it("is given up if it is too long or too late, and then is not read on", async (t) => {
    const long = held(t);
    long.body.add(Buffer.from("abcd"));
    assert.deepEqual([await long.whole, long.said.unread], [undefined, 1]);
    t.mock.timers.reset();
    const late = held(t);
    t.mock.timers.tick(999);
    assert.equal(late.said.unread, 0);
    t.mock.timers.tick(1);
    assert.deepEqual([await late.whole, late.said.unread], [undefined, 1]);
  });

  it("that breaks off is undefined, and one that has not begun has its head sent alone", async (t) => {
    const { body, said, whole } = held(t);
    body.lose();
    assert.deepEqual([await whole, said.unread], [undefined, 0]);
    const sent: string[] = [];
    const relay = {
      flushHead: () => sent.push("head"),
      write: (part: Buffer) => sent.push(`${part}`),
    };
    assert.equal(body.passOn(relay), undefined);
    assert.deepEqual(sent, ["head"]);
  });
});
