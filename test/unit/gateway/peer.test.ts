import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { clientAddress } from "../../../src/gateway/client-address.ts";
import { createPeerReader, isRange } from "../../../src/gateway/peer.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

const from = (remoteAddress: string) => ({ remoteAddress }) as Socket;

describe("peers", () => {
  it("are trusted inside the configured ranges only", () => {
    const read = createPeerReader(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]);
    const zone = "z".repeat(100);
    // What was said of an address once is said again.
    for (let times = 0; times < 2; times += 1) {
      assert.equal(read(from("10.1.2.3")).trusted, true);
      assert.equal(read(from("::ffff:10.1.2.3")).trusted, true);
      assert.equal(read(from("192.0.2.1")).trusted, true);
      assert.equal(read(from("192.0.2.2")).trusted, false);
      assert.equal(read(from("2001:db8::1")).trusted, true);
      assert.equal(read(from("2001:db9::1")).trusted, false);
      assert.equal(createPeerReader([])(from("127.0.0.1")).trusted, false);
      assert.equal(read(from("fe80::1%eth0")).trusted, false);
      assert.equal(read(from(`2001:db9::1%${zone}`)).trusted, false);
    }
  });

  it("are trusted in either spelling if the range is written as IPv4 in IPv6", () => {
    const read = createPeerReader(["::ffff:192.168.0.0/112", "::ffff:192.0.2.1"]);
    assert.equal(read(from("192.168.0.5")).trusted, true);
    assert.equal(read(from("::ffff:192.168.0.5")).trusted, true);
    assert.equal(read(from("192.0.2.1")).trusted, true);
    assert.equal(read(from("192.169.0.5")).trusted, false);
  });

  it("are in no range of the other family", () => {
    assert.equal(createPeerReader(["0.0.0.0/0"])(from("2001:db8::1")).trusted, false);
    assert.equal(createPeerReader(["2000::/3"])(from("32.1.13.184")).trusted, false);
  });

  it("are named by their IPv4 address where they have one", () => {
    assert.equal(createPeerReader([])(from("::ffff:10.1.2.3")).address, "10.1.2.3");
  });

  it("have ranges that are addresses with a prefix of their family, and nothing else", () => {
    for (const range of ["10.0.0.0/8", "192.0.2.1", "2001:db8::/128", "::1"]) {
      assert.equal(isRange(range), true, range);
    }
    for (const text of [
      ...["", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/-1"],
      ...["::/129", "example.com", "::1%eth0/128", "10.0.0.0/1e1"],
    ]) {
      assert.equal(isRange(text), false, text);
    }
  });
});

describe("the client behind trusted proxies", () => {
  const peer = createPeerReader(["10.0.0.0/8", "2001:db8::/32"]);
  const behind = (lines: string[], address = "10.0.0.1") =>
    clientAddress(peer(from(address)), new HeaderList(lines));
  const xff = (text: string) => ["X-Forwarded-For", text];

  it("is the last address that is none of theirs: what stands before it anybody can have written", () => {
    assert.equal(behind(xff("192.0.2.66, 198.51.100.7")), "198.51.100.7");
    assert.equal(behind(xff("192.0.2.66, 198.51.100.7, 10.9.9.9")), "198.51.100.7");
    assert.equal(behind([...xff("198.51.100.7"), ...xff("10.9.9.9")]), "198.51.100.7");
    assert.equal(behind(xff("10.1.1.1, 10.2.2.2")), "10.1.1.1");
    assert.equal(behind(xff("198.51.100.7:4711")), "198.51.100.7");
    assert.equal(behind(xff("[2001:db9::1]:80")), "2001:db9::1");
    assert.equal(behind(xff("::ffff:198.51.100.7")), "198.51.100.7");
    const forwarded = 'for=192.0.2.66, for="[2001:db9::1]:80";proto=https, For=10.9.9.9';
    assert.equal(behind(["Forwarded", forwarded]), "2001:db9::1");
  });

  it("is nobody for a peer that is none of them, and never what is no address", () => {
    assert.equal(behind(xff("198.51.100.7"), "198.51.100.1"), undefined);
    assert.equal(behind([]), undefined);
    for (const text of ["unknown", "eyJhbGciOiJSUzI1NiJ9.e30.x", "", "fe80::1%eth0", "1.2.3.4:x"]) {
      assert.equal(behind(xff(text)), undefined, text);
      assert.equal(behind(xff(`${text}, 10.9.9.9`)), "10.9.9.9", text);
      assert.equal(behind(["Forwarded", `for=${text}`]), undefined, text);
    }
  });
});
