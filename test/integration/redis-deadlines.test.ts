import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { askRunId } from "../../src/denylist/redis/ask-run-id.ts";
import type { RedisTopology } from "../../src/denylist/redis/client.ts";
import { RedisConnection } from "../../src/denylist/redis/connection.ts";
import { startRedis } from "../helpers/redis.ts";
import { startSentinel } from "../helpers/redis-topologies.ts";

const commandTimeoutMs = 200;

async function connect(t: TestContext, port: number): Promise<RedisConnection> {
  const connection = new RedisConnection({
    topology: { kind: "single", address: { host: "127.0.0.1", port }, database: 0 },
    username: undefined,
    password: undefined,
    tls: undefined,
    connectTimeoutMs: 5000,
    commandTimeoutMs,
  });
  t.after(() => connection.close());
  await connection.ready();
  return connection;
}

/** Holds up the event loop for longer than a command may take. */
function block(): void {
  const untilMs = performance.now() + 2 * commandTimeoutMs;
  while (performance.now() < untilMs);
}

describe("a command to redis", () => {
  it("is in time if its answer came while this process was busy", async (t) => {
    const connection = await connect(t, (await startRedis(t)).port);
    const answer = connection.info("server");
    // Sent by now, and answered while nobody here can read it; the timer is due first.
    setImmediate(block);
    const [info] = await answer;
    assert.match(info ?? "", /run_id/);
    assert.ok(connection.up);
  });

  it("is late if its answer has not come by then", async (t) => {
    const redis = await startRedis(t);
    const connection = await connect(t, redis.port);
    redis.signal("SIGSTOP");
    const answer = connection.info("server");
    setImmediate(block);
    await assert.rejects(answer, { code: "store_unavailable" });
  });
});

describe("a connection by sentinels that refuse the password", () => {
  async function ask(t: TestContext, connectTimeoutMs: number, signal: AbortSignal) {
    const { client, topology } = await startSentinel(t);
    await client.call("ACL", "SETUSER", "watch", "on", ">right", "~*", "&*", "+@all");
    return askRunId(
      {
        topology: { ...topology, username: "watch", password: "wrong" } as RedisTopology,
        ...{ username: undefined, password: undefined, tls: undefined },
        ...{ connectTimeoutMs, commandTimeoutMs },
      },
      signal,
    );
  }

  it("is given up in time", async (t) => {
    const asked = ask(t, commandTimeoutMs, new AbortController().signal);
    await assert.rejects(asked, { code: "store_unavailable" });
  });

  it("is given up when nobody wants it any more", async (t) => {
    // Longer than the test may take.
    await assert.rejects(ask(t, 300_000, AbortSignal.timeout(2000)), { code: "store_unavailable" });
  });
});
