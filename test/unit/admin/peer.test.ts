import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { peerOf } from "../../../src/admin/peer.ts";

describe("a peer, as limits tell them apart", () => {
  const same: [string | undefined, string][] = [
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8:1:2::9", "2001:db8:1:2"],
    ["2001:db8::9", "2001:db8:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["::1", "0:0:0:0"],
    [undefined, "unknown"],
  ];
  for (const [remoteAddress, peer] of same) {
    it(`is ${peer} for ${remoteAddress}`, () => {
      assert.equal(peerOf({ remoteAddress }), peer);
    });
  }
});
