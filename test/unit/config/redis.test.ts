import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { redisAccess } from "../../../src/config/redis.ts";
import { redis as redisSchema } from "../../../src/config/settings/redis.ts";

const none = {
  ...{ password: undefined, sentinelPassword: undefined },
  ...{ ca: undefined, certificate: undefined },
};

/** What is said of settings that are refused. */
function problemsOf(settings: object): string[] {
  const { error } = redisSchema.safeParse(settings);
  return (error?.issues ?? []).map(({ message }) => message);
}

describe("the Redis settings", () => {
  it("reach one server", () => {
    const { topology, tls, username } = redisAccess(
      redisSchema.parse({ url: "redis://revgate@redis/3" }),
      none,
    );
    assert.deepEqual(topology, {
      kind: "single",
      address: { host: "redis", port: 6379 },
      database: 3,
    });
    assert.equal(tls, undefined);
    assert.equal(username, "revgate");
  });

  it("reach a primary through its sentinels, each side with credentials of its own", () => {
    const settings = redisSchema.parse({
      sentinels: {
        primary: "revgate",
        nodes: ["redis://sentinel-1:26379", "redis://[::1]:26380"],
        username: "watch",
        database: 1,
      },
      username: "revgate",
    });
    const access = redisAccess(settings, { ...none, password: "a", sentinelPassword: "b" });
    assert.deepEqual(access.topology, {
      kind: "sentinel",
      primary: "revgate",
      sentinels: [
        { host: "sentinel-1", port: 26379 },
        { host: "::1", port: 26380 },
      ],
      username: "watch",
      password: "b",
      database: 1,
    });
    assert.deepEqual([access.username, access.password], ["revgate", "a"]);
  });

  it("reach a Cluster over TLS", () => {
    const ca = Buffer.from("pem");
    const settings = redisSchema.parse({ cluster: ["rediss://a:7000", "rediss://b:7001"] });
    const { topology, tls } = redisAccess(settings, { ...none, ca });
    assert.deepEqual(topology, {
      kind: "cluster",
      nodes: [
        { host: "a", port: 7000 },
        { host: "b", port: 7001 },
      ],
    });
    assert.deepEqual(tls, { ca, certificate: undefined, serverName: undefined });
  });

  for (const [what, settings, problem] of [
    ["no way to a server", {}, /one of url, sentinels and cluster/],
    [
      "half of what proves who revgate is",
      { url: "rediss://a", certFile: "cert.pem" },
      /expected certFile and keyFile together/,
    ],
    [
      "certificates without TLS",
      { url: "redis://a", caFile: "ca.pem" },
      /has no effect without rediss:/,
    ],
    [
      "a name of certificates without TLS",
      { url: "redis://a", serverName: "redis.test" },
      /has no effect without rediss:/,
    ],
    [
      "two ways to a server",
      { url: "redis://a", cluster: ["redis://a:1"] },
      /one of url, sentinels and cluster/,
    ],
    ["an empty list of nodes", { cluster: [] }, /at least one address/],
    [
      "a grace period that a fresh sidecar could outlive",
      { url: "redis://a", staleness: "1s", grace: "1999ms" },
      /at least twice as long as staleness/,
    ],
    [
      "TLS to some nodes only",
      { cluster: ["rediss://a:1", "redis://b:1"] },
      /redis:\/\/ or rediss:\/\/ everywhere/,
    ],
    ["a database in a Cluster", { cluster: ["redis://a:1/2"] }, /with host and port/],
    ["a password in a node's address", { cluster: ["redis://u:p@a:1"] }, /with host and port/],
  ] as const) {
    it(`refuse ${what}`, () => {
      const problems = problemsOf(settings);
      assert.equal(problems.length, 1, problems.join("; "));
      assert.match(problems[0] ?? "", problem);
    });
  }
});
