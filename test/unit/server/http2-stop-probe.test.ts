import assert from "node:assert/strict";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { StopProbe } from "../../../src/server/http2-stop-probe.ts";

/** A connection that a test moves by hand. */
function probed({ takesPings = true } = {}) {
  const socket = { bytesRead: 0, writableLength: 0, bytesWritten: 0 };
  const session = {
    destroyed: false,
    state: { outboundQueueSize: 0 },
    pings: 0,
    answer() {},
    ping,
  };
  function ping(onAnswer: (error: Error | null) => void) {
    session.pings += 1;
    session.answer = () => onAnswer(null);
    return takesPings;
  }
  const probe = new StopProbe(
    session as unknown as ServerHttp2Session,
    socket as unknown as Socket,
  );
  return { socket, session, probe, look: () => probe.hasStopped() };
}

describe("a connection of HTTP/2 that may have stopped", () => {
  it("is asked once bytes have come and no more come, and not again for the answer", () => {
    const { socket, session, look } = probed();
    assert.deepEqual([look(), look(), session.pings], [false, false, 0]);
    socket.bytesRead = 100;
    assert.deepEqual([look(), session.pings], [false, 0]);
    assert.deepEqual([look(), session.pings], [false, 1]);
    session.answer();
    socket.bytesRead += 17;
    for (let i = 0; i < 3; i += 1) look();
    assert.equal(session.pings, 1);
    socket.bytesRead += 1;
    for (let i = 0; i < 3; i += 1) look();
    assert.equal(session.pings, 2);
  });

  it("has stopped if the PING stays in the queue, or can't be sent", () => {
    const { socket, session, probe, look } = probed();
    socket.bytesRead = 100;
    look();
    look();
    session.state.outboundQueueSize = 1;
    assert.deepEqual([look(), probe.stopped], [true, true]);
    const deaf = probed({ takesPings: false });
    deaf.socket.bytesRead = 100;
    deaf.look();
    assert.equal(deaf.look(), true);
  });

  it("is not looked into once it has ended", () => {
    const { socket, session, look } = probed();
    socket.bytesRead = 100;
    look();
    session.destroyed = true;
    assert.deepEqual([look(), session.pings], [false, 0]);
  });
});
