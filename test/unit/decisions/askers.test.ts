import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { limitAskers, maxStrangers } from "../../../src/decisions/askers.ts";

class Connection extends EventEmitter {
  destroyed = false;
  readonly remoteAddress: string;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy() {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close");
  }
}

/** The gateways' port without TLS, at which 10.* may ask. */
function port(maxConnections = 2) {
  const server = new EventEmitter();
  const crowded: string[] = [];
  const begin = limitAskers(server as Server, {
    mayAsk: ({ remoteAddress }) => remoteAddress?.startsWith("10.") === true,
    maxConnections: () => maxConnections,
    onCrowded: (peer, why) => crowded.push(`${peer} ${why}`),
  });
  return {
    crowded,
    connect(address: string) {
      const connection = new Connection(address);
      server.emit("connection", connection);
      return connection;
    },
    ask(connection: Connection) {
      const response = new EventEmitter();
      const begun = begin(connection as unknown as Socket, response as ServerResponse);
      return { begun, end: () => response.emit("close") };
    },
  };
}

describe("those that may ask", () => {
  it("have as many connections as are allowed, and get one back when one closes", () => {
    const { connect, crowded } = port();
    const [first, second, third] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(connect);
    assert.deepEqual([first?.destroyed, second?.destroyed, third?.destroyed], [false, false, true]);
    assert.deepEqual(crowded, ["10.0.0.3 too many connections"]);
    first?.destroy();
    assert.equal(connect("10.0.0.4").destroyed, false);
  });

  it("lose none to others, of whom a newcomer gets the place of the first", () => {
    const { connect, crowded } = port();
    const strangers = Array.from({ length: maxStrangers + 1 }, () => connect("192.0.2.1"));
    assert.deepEqual(
      strangers.map(({ destroyed }) => destroyed),
      [true, ...Array.from({ length: maxStrangers }, () => false)],
    );
    assert.equal(connect("10.0.0.1").destroyed, false);
    assert.deepEqual(crowded, []);
  });

  it("have four questions at once on a connection, and others one", () => {
    const { connect, ask, crowded } = port();
    const gateway = connect("10.0.0.1");
    const asked = Array.from({ length: 4 }, () => ask(gateway));
    assert.ok(asked.every(({ begun }) => begun));
    asked[0]?.end();
    assert.ok(ask(gateway).begun);
    assert.deepEqual([ask(gateway).begun, gateway.destroyed], [false, true]);
    assert.deepEqual(crowded, ["10.0.0.1 too many questions at once"]);
    assert.equal(ask(gateway).begun, false);
    assert.equal(crowded.length, 1);
    const stranger = connect("192.0.2.1");
    assert.deepEqual([ask(stranger).begun, ask(stranger).begun], [true, false]);
  });
});
