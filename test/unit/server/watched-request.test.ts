import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { WatchedRequest } from "../../../src/server/watched-request.ts";

const limits = {
  ...{ sendTimeoutMs: 60_000, receiveTimeoutMs: 30_000, requestTimeoutMs: 300_000 },
} as never;

/** A request whose client sends a body, and has been sent nothing yet; what is seen of it is the test's. */
function watch(t: TestContext, beganMs = 0) {
  let nowMs = beganMs;
  t.mock.method(performance, "now", () => nowMs);
  const request = { isAwaited: true, received: 0 };
  const answer = {
    mayPause: false,
    isWhole: false,
    unsentBytes: 0,
    isShort: false,
    finished: false,
  };
  const watched = new WatchedRequest({ request, answer } as never);
  const look = () => watched.stallAt(nowMs, limits, false);
  const passTo = (ms: number) => {
    nowMs = ms;
  };
  return { request, answer, watched, look, passTo };
}

describe("WatchedRequest", () => {
  it("stands still if its client has sent nothing of an awaited body for five seconds", (t) => {
    const { request, watched, look, passTo } = watch(t);
    request.received = 10;
    assert.equal(watched.standsStill, false);
    look();
    passTo(4999);
    assert.equal(watched.standsStill, false, "not for long enough");
    passTo(5000);
    assert.equal(watched.standsStill, true);
    request.received = 11;
    assert.equal(watched.standsStill, false, "it sends");
    look();
    request.isAwaited = false;
    passTo(60_000);
    assert.equal(watched.standsStill, false, "the application is at work");
  });

  it("never stands still for what its client does not send, if it may pause", (t) => {
    const { answer, watched, look, passTo } = watch(t);
    answer.mayPause = true;
    look();
    for (const ms of [5000, 30_000, 300_000]) {
      passTo(ms);
      assert.deepEqual([watched.standsStill, look()], [false, undefined]);
    }
    answer.mayPause = false;
    passTo(330_000);
    assert.equal(look(), "sending");
  });

  it("stands still if its client has read nothing of its answer for five seconds", (t) => {
    const { answer, request, watched, look, passTo } = watch(t);
    request.isAwaited = false;
    answer.unsentBytes = 100;
    passTo(1000);
    look();
    passTo(5999);
    assert.equal(watched.standsStill, false);
    passTo(6000);
    assert.equal(watched.standsStill, true);
    answer.unsentBytes = 99;
    assert.equal(watched.standsStill, false, "it reads");
  });

  it("stands still a second after it came if its answer is whole, and is not taken", (t) => {
    const { answer, watched, passTo } = watch(t);
    answer.isWhole = true;
    passTo(999);
    assert.equal(watched.standsStill, false);
    passTo(1000);
    assert.equal(watched.standsStill, true);
  });

  it("stalls in what it does not do, and no sooner than it may", (t) => {
    const reading = watch(t);
    reading.answer.unsentBytes = 5;
    reading.look();
    reading.request.isAwaited = false;
    reading.passTo(59_999);
    assert.equal(reading.look(), undefined);
    reading.passTo(60_000);
    assert.equal(reading.look(), "reading");
    t.mock.restoreAll();

    const sending = watch(t);
    sending.request.received = 1;
    sending.look();
    sending.passTo(29_999);
    assert.equal(sending.look(), undefined);
    sending.passTo(30_000);
    assert.equal(sending.look(), "sending");
  });

  it("has the whole of its time to be sent, counted from its beginning, and none once it is answered", (t) => {
    const { request, answer, look, passTo } = watch(t, 100_000);
    const sendAt = (ms: number) => {
      passTo(ms);
      request.received += 1;
      return look();
    };
    assert.equal(sendAt(300_000), undefined);
    assert.equal(sendAt(399_999), undefined);
    assert.equal(sendAt(400_000), "sending");
    Object.assign(answer, { begun: true });
    assert.equal(sendAt(400_001), undefined);
  });
});
