import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { endOfAllIssued } from "../../src/denylist/retention.ts";
import { plainNames } from "../../src/token/names.ts";
import { answered } from "../helpers/again.ts";
import { startApplication } from "../helpers/application.ts";
import {
  exampleRoutes,
  startGate,
  type TestGate,
  untilReady,
  writeConfig,
} from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { patience, type TestRedis } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const now = () => Math.floor(Date.now() / 1000);
const hour = 3600;

/** Starts sidecars of one Redis, each with an empty directory. */
async function startFleet(t: TestContext) {
  const [redis, application] = [await startUsedRedis(t), await startApplication(t)];
  const yamlOf = (maxLifetime: string, whenUnavailable = "deny") =>
    [
      `${exampleRoutes}  - { path: /all, methods: [POST], revoke: subject }`,
      `tokens: { keys: [ { publicKeyFile: public.pem } ], maxLifetime: ${maxLifetime} }`,
      `denylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms, whenUnavailable: ${whenUnavailable} } }`,
    ].join("\n");
  return {
    redis,
    async start(maxLifetime: string) {
      const gate = await startGate(t, { upstream: application.url, yaml: yamlOf(maxLifetime) });
      await untilReady(gate);
      return gate;
    },
    startTrusting: (maxLifetime: string) =>
      startGate(t, { upstream: application.url, yaml: yamlOf(maxLifetime, "serve-known") }),
    async reload(gate: TestGate, maxLifetime: string) {
      await writeConfig(gate.directory, yamlOf(maxLifetime), application.url);
      await gate.reload(() => loadConfig(join(gate.directory, "revgate.yaml"), {}));
    },
  };
}

async function get({ url }: TestGate, token: string): Promise<string> {
  const reply = await answered(() => send(`${url}/me`, { headers: { token } }));
  return reply.status === 200 ? "200" : `${reply.status} ${reply.json["error"]}`;
}

/** A token that was issued a while ago, and lives for two hours from now. */
const oldToken = () => makeToken({ iat: now() - 100, exp: now() + 2 * hour });

/** How long revocations have been remembered, as it stands in Redis: the seconds alone. */
async function livesIn({ client }: TestRedis): Promise<number[]> {
  const [, ...changes] = ((await client.get("revgate:lifetimes")) ?? "").split(" ");
  return changes.map((change) => Number(change.split(":")[1]));
}

const endAllOf = ({ url }: TestGate, sub: string) =>
  send(`${url}/all`, {
    method: "POST",
    headers: { token: makeToken({ sub, iat: now(), exp: now() + 600 }) },
  });

/** Until when Redis has the revocation of a subject; 0 if it has none. */
async function expiryOf({ client }: TestRedis, sub: string): Promise<number> {
  const key = `revgate:sub:${plainNames.claim("sub", undefined, sub)?.value}`;
  return Number((await client.get(key))?.split(" ")[0] ?? 0);
}

// A new store keeps everybody waiting for seconds.
describe("for how long the sidecars of a Redis remember", { concurrency: true }, () => {
  it("limits tokens that are older than a longer maxLifetime, at a sidecar that has nothing but Redis too", async (t) => {
    const { redis, start } = await startFleet(t);
    const a = await start("1h");
    assert.equal(await get(a, oldToken()), "401 token_invalid");
    await a.stop();
    const b = await start("4h");
    assert.deepEqual(await livesIn(redis), [hour, 4 * hour]);
    // Its session may have been ended before, and that be forgotten.
    assert.equal(await get(b, oldToken()), "401 token_invalid");
    assert.equal(await get(b, makeToken({ iat: now(), exp: now() + hour })), "200");
  });

  it("limits nothing while nothing has changed", async (t) => {
    const { redis, start } = await startFleet(t);
    await start("4h");
    const b = await start("4h");
    assert.deepEqual(await livesIn(redis), [4 * hour]);
    assert.equal(await get(b, oldToken()), "200");
  });

  it("is the longest of all, at a sidecar too whose own configuration says less", async (t) => {
    const { redis, start, reload } = await startFleet(t);
    const a = await start("1h");
    const b = await start("1h");
    await reload(b, "4h");
    await until(async () => (await livesIn(redis)).includes(4 * hour));
    // Read at once, and not only when it is its turn.
    await reload(a, "1h");
    await until(() => a.logged().includes(`"seconds":${4 * hour}`));
    assert.equal((await endAllOf(a, "alice")).status, 200);
    assert.ok((await expiryOf(redis, "alice")) >= endOfAllIssued(now() - 60, 4 * hour));
  });

  it("is what a revocation is kept for that was made before it could be read", async (t) => {
    const { redis, start, startTrusting } = await startFleet(t);
    const b = await start("4h");
    await b.stop();
    await redis.client.save();
    await redis.kill();
    const a = await startTrusting("1h");
    assert.equal((await endAllOf(a, "alice")).status, 503);
    await redis.start();
    await until(async () => (await expiryOf(redis, "alice")) > 0);
    assert.ok((await expiryOf(redis, "alice")) >= endOfAllIssued(now() - 60, 4 * hour));
  });

  it("is written back when Redis has lost it, before anybody new is ready", async (t) => {
    const { redis, start } = await startFleet(t);
    const a = await start("1h");
    const b = await start("4h");
    await Promise.all([untilReady(a), untilReady(b)]);
    await redis.client.flushall();
    const c = await start("4h");
    assert.equal(await get(c, oldToken()), "401 token_invalid");
    assert.deepEqual(await livesIn(redis), [hour, 4 * hour]);
  });

  it("lets nobody in by a token that was verified before it was known", async (t) => {
    const { redis, start, reload } = await startFleet(t);
    const a = await start("4h");
    const token = oldToken();
    assert.equal(await get(a, token), "200");
    const held = (await redis.client.get("revgate:lifetimes")) ?? "";
    const [claimed = ""] = held.split(" ");
    // As a sidecar that remembered for an hour only, and was not known to this one, writes it back.
    await redis.client.set(
      "revgate:lifetimes",
      `${claimed} ${now() - 50}:${hour} ${now()}:${4 * hour}`,
    );
    await reload(a, "4h");
    await until(async () => (await get(a, token)) === "401 token_invalid");
  });

  it("is written anew where somebody else has written something, which is counted", async (t) => {
    const { redis, start, reload } = await startFleet(t);
    const a = await start("4h");
    const held = (await redis.client.get("revgate:lifetimes")) ?? "";
    await redis.client.set("revgate:lifetimes", Buffer.from([0xff, 0x0a]));
    await reload(a, "4h");
    await until(async () => (await livesIn(redis)).includes(4 * hour));
    assert.equal((await redis.client.get("revgate:lifetimes"))?.split(" ")[1], held.split(" ")[1]);
    const { text } = await send(`${a.adminUrl}/metrics`);
    assert.match(text, /^revgate_ignored_total\{source="lifetimes"\} [1-9]/m);
  });
});
