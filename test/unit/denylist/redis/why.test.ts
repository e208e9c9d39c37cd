import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  causeOf,
  hideArguments,
  whyNot,
  whyNotConnected,
} from "../../../../src/denylist/redis/why.ts";

/** An error as ioredis makes it of what Redis refused. */
const refused = (message: string) => Object.assign(new Error(message), { name: "ReplyError" });
/** An error as a socket makes it. */
const failed = (code: string, message = `connect ${code} 127.0.0.1:6379`) =>
  Object.assign(new Error(message), { code });

describe("why redis cannot be used", () => {
  it("has a cause for what each kind of failure says", () => {
    const kinds: readonly (readonly [string, string])[] = [
      [whyNot(refused("WRONGPASS invalid username-password pair"), undefined), "wrongpass"],
      [whyNot(refused("NOAUTH Authentication required."), undefined), "noauth"],
      [
        whyNot(refused("NOPERM User u has no permissions to run the 'xadd' command"), undefined),
        "noperm",
      ],
      [
        whyNotConnected(failed("ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match")),
        "tls",
      ],
      [whyNotConnected(failed("ECONNREFUSED")), "unreachable"],
      [whyNotConnected(undefined), "unreachable"],
      [whyNotConnected(failed("ETIMEDOUT", "connect ETIMEDOUT")), "timeout"],
      [whyNot(new Error("Command timed out"), undefined), "timeout"],
      [whyNot(refused("LOADING Redis is loading the dataset in memory"), undefined), "other"],
    ];
    for (const [why, cause] of kinds) assert.equal(causeOf(why), cause, why);
  });

  it("is nothing yet if redis has not been tried", () => {
    assert.equal(causeOf("redis has not been asked yet"), undefined);
    assert.equal(causeOf("redis has changed"), "other");
  });

  it("names the error of a Cluster's node and of a sentinel, and a code that the text lacks", () => {
    const ofCluster = Object.assign(new Error("Failed to refresh slots cache."), {
      lastNodeError: refused("NOAUTH Authentication required."),
    });
    assert.match(whyNotConnected(ofCluster), /NOAUTH Authentication required\.$/);
    const ofSentinels = new Error(
      "All sentinels are unreachable. Retrying from scratch after 10ms. Last error: connect ECONNREFUSED",
    );
    assert.equal(whyNotConnected(ofSentinels), "redis is not connected: connect ECONNREFUSED");
    assert.match(whyNotConnected(failed("EPROTO", "wrong version")), /wrong version \(EPROTO\)$/);
    assert.match(whyNotConnected(failed("ECONNREFUSED")), /6379$/);
  });

  it("never repeats what was given to a command that redis does not know", () => {
    const error = hideArguments(
      refused("ERR unknown command 'AUTH', with args beginning with: 'sesame'"),
    );
    assert.equal(error.message, "ERR unknown command 'AUTH'");
  });
});
