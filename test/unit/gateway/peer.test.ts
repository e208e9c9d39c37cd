import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { createPeerReader } from "../../../src/gateway/peer.ts";

const from = (remoteAddress: string) => ({ remoteAddress }) as Socket;

describe("peers", () => {
  it("are trusted inside the configured ranges only", () => {
    const read = createPeerReader(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]);
    assert.equal(read(from("10.1.2.3")).trusted, true);
    assert.equal(read(from("::ffff:10.1.2.3")).trusted, true);
    assert.equal(read(from("192.0.2.1")).trusted, true);
    assert.equal(read(from("192.0.2.2")).trusted, false);
    assert.equal(read(from("2001:db8::1")).trusted, true);
    assert.equal(read(from("2001:db9::1")).trusted, false);
    assert.equal(createPeerReader([])(from("127.0.0.1")).trusted, false);
  });

  it("are named by their IPv4 address where they have one", () => {
    assert.equal(createPeerReader([])(from("::ffff:10.1.2.3")).address, "10.1.2.3");
  });
});
