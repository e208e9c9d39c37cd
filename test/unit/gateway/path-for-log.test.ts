import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { pathForLog } from "../../../src/gateway/path-for-log.ts";
import { makeToken } from "../../helpers/tokens.ts";

describe("a path in the log", () => {
  it("is the path alone, as it was sent", () => {
    const paths = [
      "/",
      "/me",
      "/users/42/orders/2026-11-26",
      "/articles/how-to-configure-kubernetes-ingress-in-10-steps",
      "/com.example.orders.OrderService/CancelEverythingOfACustomer",
      "/v2/3f2504e0-4f89-11d3-9a0c-0305e82c3301/avatar.png",
      "/packages/%40scope%2Fname",
      "/%E6%8A%A5%E5%91%8A",
      "/%zz",
    ];
    for (const path of paths) assert.equal(pathForLog(`${path}?token=secret#x`), path);
    assert.equal(pathForLog("http://user:secret@host/"), undefined);
    assert.equal(pathForLog("*"), undefined);
  });

  it("holds no token, in whatever segment and spelling", () => {
    const token = makeToken();
    assert.equal(pathForLog("/s/short?x", [2]), "/s/[token]");
    assert.equal(pathForLog("/s/short", "all"), undefined);
    assert.equal(pathForLog(`/-/user/token/${token}`), "/-/user/token/[token]");
    assert.equal(pathForLog(`/a/${token.replaceAll(".", "%2E")}/b`), "/a/[token]/b");
    assert.equal(pathForLog(`/verify/x${token}`), "/verify/[token]");
    assert.equal(pathForLog("/reset/9b74c9897bac770ffc029102a200c5de"), "/reset/[token]");
    assert.equal(pathForLog("/t/npm_1234567890abcdefghijklmnopqrstuvwxyz"), "/t/[token]");
  });

  it("costs no more than its length, whatever it repeats", () => {
    // From each beginning of a token to the end of the path, these took seconds.
    const length = 300_000;
    for (const piece of ["eyJ", "eyJa.", "eyJ.eyJ", "%65yJ", "A1", "a%20", "a!", "-", "a."]) {
      const path = `/${piece.repeat(length / piece.length)}!`;
      // CPU, and not time: a busy machine may give the process no turn for seconds.
      const before = process.cpuUsage();
      pathForLog(path);
      const { user, system } = process.cpuUsage(before);
      assert.ok(user + system < 3_000_000, piece);
    }
  });

  it("holds no random text that is long enough to be one", () => {
    for (let number = 0; number < 3000; number += 1) {
      const bytes = createHash("sha512").update(String(number)).digest();
      const random = bytes.subarray(0, 24 + (number % 41));
      for (const encoding of ["base64url", "hex"] as const) {
        const text = random.toString(encoding);
        assert.equal(pathForLog(`/reset/${text}`), "/reset/[token]", text);
      }
    }
  });
});
