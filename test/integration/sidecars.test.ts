import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { connectControl } from "../../src/control/control-client.ts";
import { keptBeyondSeconds } from "../../src/denylist/retention.ts";
import { systemStopwatch } from "../../src/platform/clock.ts";
import { plainNames } from "../../src/token/names.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { machineClock } from "../helpers/machine-clock.ts";
import { patience, startRedis } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

async function twoSidecars(t: TestContext, more = "", timeouts = patience) {
  const redis = await startUsedRedis(t);
  const application = await startApplication(t);
  const times = `${timeouts}, staleness: 100ms, grace: 300ms`;
  const yaml = `denylist: { dataDir: data, redis: { url: "${redis.url}", ${times} ${more} } }`;
  const clock = machineClock();
  const start = (stopwatch = systemStopwatch) =>
    startGate(t, { upstream: application.url, yaml, stopwatch });
  const [a, b] = await Promise.all([start(clock.stopwatch), start()]);
  await Promise.all([a, b].map(({ adminUrl }) => untilReady(adminUrl)));
  return { redis, application, a, b, clock };
}

/** Asks until a sidecar says that it is ready. */
async function untilReady(adminUrl: string): Promise<void> {
  await until(async () => (await send(`${adminUrl}/readyz`)).status === 200);
}

/** Asks until a request is not let through any more. */
async function untilRefused(url: string, headers: Record<string, string>) {
  for (;;) {
    const reply = await send(url, { headers });
    if (reply.status !== 200) return reply;
  }
}

const keyOf = (token: string) =>
  `revgate:tok:${plainNames.token(token.slice(0, token.lastIndexOf("."))).value}`;

describe("two sidecars on one Redis", () => {
  for (const reads of ["local", "every-request"]) {
    it(`refuse at B what was logged out at A, from the very next request on (${reads})`, async (t) => {
      const { a, b } = await twoSidecars(t, `, reads: ${reads}`);
      const rounds = Array.from({ length: 40 }, async () => {
        const headers = { token: makeToken() };
        assert.equal((await send(`${b.url}/me`, { headers })).status, 200);
        assert.equal((await send(`${a.url}/logout`, { method: "POST", headers })).status, 200);
        const reply = await send(`${b.url}/me`, { headers });
        assert.equal(reply.json["error"], "token_revoked");
      });
      await Promise.all(rounds);
    });
  }

  it("keep a key for a little longer than the token's life, and nothing a token could be made of", async (t) => {
    const { a, redis } = await twoSidecars(t);
    const exp = Math.floor(Date.now() / 1000) + 500;
    const token = makeToken({ exp });
    assert.equal(await redis.client.exists(keyOf(token)), 0);
    await send(`${a.url}/logout`, { method: "POST", headers: { token } });

    assert.equal(await redis.client.exists(keyOf(token)), 1);
    const left = exp - Date.now() / 1000;
    // For tidying up only: it errs long, by a quarter of an hour and what clocks may differ by.
    const ttl = await redis.client.ttl(keyOf(token));
    assert.ok(ttl > left + 900 && ttl < left + 2000, `TTL ${ttl}, left ${left}`);

    const keys = await redis.client.keys("*");
    const own = ["claims", "epoch", "feed", "guard", "issuer", "lifetimes", "names", "sidecars"];
    assert.deepEqual(keys.sort(), [...own.map((name) => `revgate:${name}`), keyOf(token)]);
    const held = [
      ...keys,
      ...(await redis.client.mget("revgate:epoch", keyOf(token))),
      JSON.stringify(await redis.client.xrange("revgate:feed", "-", "+")),
    ];
    for (const part of token.split(".")) {
      assert.ok(!held.some((text) => text?.includes(part.slice(0, 16))));
    }
  });

  it("answer 503 while Redis is away, and recover by themselves without forgetting", async (t) => {
    const { a, b, redis } = await twoSidecars(t);
    const old = { token: makeToken() };
    const fresh = { token: makeToken() };
    await send(`${a.url}/logout`, { method: "POST", headers: old });
    await redis.kill();

    // What the table has just been proved to have may be relied on for as long as the staleness.
    const unknown = await untilRefused(`${a.url}/me`, fresh);
    assert.equal(unknown.status, 503);
    assert.equal(unknown.json["error"], "denylist_unavailable");
    assert.equal(unknown.headers["retry-after"], "1");
    // What this sidecar knows to be dead stays dead, Redis or not.
    assert.equal((await send(`${a.url}/me`, { headers: old })).json["error"], "token_revoked");
    assert.equal((await send(`${a.adminUrl}/readyz`)).status, 503);
    assert.equal((await send(`${a.adminUrl}/healthz`)).status, 200);

    // Empty after its restart: sidecar A writes back what its journal holds.
    await redis.start();
    await untilReady(a.adminUrl);
    await untilReady(b.adminUrl);
    assert.equal((await send(`${b.url}/me`, { headers: old })).json["error"], "token_revoked");
    assert.equal((await send(`${b.url}/me`, { headers: fresh })).status, 200);
    assert.equal(await redis.client.exists(keyOf(old.token)), 1);
  });

  it("keep a logout that Redis did not acknowledge: 503, in force here, everywhere later", async (t) => {
    const { a, b, redis } = await twoSidecars(t, ", whenUnavailable: serve-known");
    const headers = { token: makeToken() };
    await redis.kill();
    assert.equal((await send(`${a.url}/me`, { headers })).status, 200);
    const logout = await send(`${a.url}/logout`, { method: "POST", headers });
    assert.equal(logout.status, 503);
    assert.equal(logout.json["error"], "revocation_pending");
    assert.equal((await send(`${a.url}/me`, { headers })).json["error"], "token_revoked");
    const { text } = await send(`${a.adminUrl}/metrics`);
    assert.match(text, /^revgate_outbox_pending 1$/m);
    assert.match(text, /^revgate_redis_up 0$/m);

    await redis.start();
    await until(async () => (await redis.client.exists(keyOf(headers.token))) !== 0);
    // B is ready all the while: until it has found Redis again, its own table is what it serves.
    const reply = await untilRefused(`${b.url}/me`, headers);
    assert.equal(reply.json["error"], "token_revoked");
  });

  it("stop trying to send what is over for every clock, and not a moment earlier", async (t) => {
    const { a, redis, clock } = await twoSidecars(t, ", whenUnavailable: serve-known");
    await redis.kill();
    const lives = 30;
    const headers = { token: makeToken({ exp: Math.floor(Date.now() / 1000) + lives }) };
    assert.equal((await send(`${a.url}/logout`, { method: "POST", headers })).status, 503);
    const isPending = async (count: number) =>
      new RegExp(`^revgate_outbox_pending ${count}$`, "m").test(
        (await send(`${a.adminUrl}/metrics`)).text,
      );
    // The token is over here, and may not be for a sidecar with another tolerance and another clock.
    clock.pass(lives + keptBeyondSeconds - 20);
    const tried = performance.now();
    await until(() => performance.now() - tried > 1100);
    assert.equal(await isPending(1), true);
    clock.pass(21);
    await until(() => isPending(0));
  });

  it("count a revocation that comes in while Redis is being asked", async (t) => {
    const { a, redis } = await twoSidecars(t, ", reads: every-request");
    const token = makeToken();
    redis.signal("SIGSTOP");
    const asked = send(`${a.url}/me`, { headers: { token } });
    // Redis answers in order: it will say that it knows nothing, for it was asked first.
    await until(async () =>
      /lookups_total\{result="miss"\} 1/.test((await send(`${a.adminUrl}/metrics`)).text),
    );
    const command = await connectControl(join(a.directory, "data"));
    assert.ok(command !== undefined);
    const revoked = command
      .send({ command: "revoke", credential: token })
      [Symbol.asyncIterator]()
      .next();
    await until(async () =>
      /^revgate_denylist_entries 1$/m.test((await send(`${a.adminUrl}/metrics`)).text),
    );
    redis.signal("SIGCONT");
    assert.equal((await asked).json["error"], "token_revoked");
    await revoked;
  });

  it("do not hang on a Redis that has stopped answering", async (t) => {
    const { a, redis } = await twoSidecars(t, "", "commandTimeout: 1s");
    redis.signal("SIGSTOP");
    const reply = await untilRefused(`${a.url}/me`, { token: makeToken() });
    assert.equal(reply.json["error"], "denylist_unavailable");
    redis.signal("SIGCONT");
    for (;;) {
      const again = await send(`${a.url}/me`, { headers: { token: makeToken() } });
      if (again.status === 200) break;
      assert.equal(again.status, 503);
    }
  });
});

describe("a sidecar whose Redis is not there yet", () => {
  it("starts, is not ready, refuses, and recovers", async (t) => {
    const redis = await startRedis(t);
    await redis.kill();
    const application = await startApplication(t);
    const yaml = `denylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms } }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const headers = { token: makeToken() };
    assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "denylist_unavailable");
    const readiness = await send(`${gate.adminUrl}/readyz`);
    assert.equal(readiness.status, 503);
    assert.match(readiness.text, /redis is not connected|has not been read/);
    await redis.start();
    await untilReady(gate.adminUrl);
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
  });
});
