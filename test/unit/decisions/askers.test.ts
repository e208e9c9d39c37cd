import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Server } from "node:http";
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
  limitAskers(server as Server, {
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
});
