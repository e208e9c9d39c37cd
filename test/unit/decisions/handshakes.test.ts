import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import type { Server } from "node:tls";
import { limitHandshakes, maxHandshakes } from "../../../src/decisions/handshakes.ts";

/** A port with TLS; connections come to it, and to TLS, when a test says so. */
function port() {
  const server = new EventEmitter();
  const said = { secure: 0, crowded: [] as string[] };
  const begin = limitHandshakes(server as Server, {
    onSecure: () => {
      said.secure += 1;
    },
    onCrowded: (peer) => said.crowded.push(peer),
  });
  let ports = 0;
  const connect = (remoteAddress: string) => {
    ports += 1;
    const socket = Object.assign(new EventEmitter(), { remoteAddress, remotePort: ports });
    const fares = { destroyed: false };
    const destroy = () => {
      fares.destroyed = true;
    };
    begin(Object.assign(socket, { destroy }) as unknown as Socket);
    return { socket, fares };
  };
  const secure = (socket: object) => server.emit("secureConnection", socket);
  return { said, connect, secure };
}

describe("connections on their way to TLS", () => {
  it("are bounded: the network with the most loses its oldest, and is named", () => {
    const { said, connect } = port();
    const many = Array.from({ length: maxHandshakes }, () => connect("192.0.2.1"));
    const other = connect("192.0.2.9");
    assert.deepEqual(said.crowded, ["192.0.2.1"]);
    assert.deepEqual(
      [many[0], many[1], other].map((each) => each?.fares.destroyed),
      [true, false, false],
    );
  });

  it("give their place back when they have come to it, or close", () => {
    const { said, connect, secure } = port();
    const [first, second] = Array.from({ length: maxHandshakes }, () => connect("192.0.2.1"));
    secure(first?.socket ?? {});
    secure(first?.socket ?? {});
    secure({ remoteAddress: "192.0.2.8", remotePort: 1 });
    assert.equal(said.secure, 1);
    connect("192.0.2.9");
    second?.socket.emit("close");
    connect("192.0.2.9");
    assert.deepEqual(said.crowded, []);
  });
});
