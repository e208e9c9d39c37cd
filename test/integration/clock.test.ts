import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import { keptBeyondSeconds } from "../../src/denylist/retention.ts";
import { entryFor } from "../contract/denylist-suite.ts";
import { logOutWith, statusOf } from "../helpers/again.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { type MachineClock, machineClock } from "../helpers/machine-clock.ts";
import { patience, startRedis } from "../helpers/redis.ts";
import { makeSteppingClocks } from "../helpers/stepping-clock.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const hour = 3600;
const routes = `
routes:
  - { path: /logout, methods: [POST], revoke: token }
  - { path: /password, methods: [POST], revoke: subject }
`;

const secret = "a-secret-of-the-operator";
const admin = "admin: { host: 127.0.0.1, port: 0, tokenFile: secret }";
const form = { "content-type": "application/x-www-form-urlencoded" };

interface Started {
  readonly gate: TestGate;
  readonly clock: MachineClock;
  get(path: string, token: string): Promise<string>;
  post(path: string, token: string): Promise<string>;
}

/** A revgate on a machine whose clock the test sets. */
async function start(
  t: TestContext,
  {
    denylist = "{ dataDir: data }",
    directory,
    listener,
  }: { denylist?: string; directory?: string; listener?: RequestListener } = {},
  clock = machineClock(),
): Promise<Started> {
  const application = await startApplication(t, listener);
  const place = directory ?? temporaryDirectory(t);
  writeFileSync(join(place, "secret"), secret);
  const yaml = `${routes}denylist: ${denylist}`;
  const gate = await startGate(t, {
    ...{ upstream: application.url, yaml, stopwatch: clock.stopwatch },
    directory: place,
  });
  const ask = (method: string) => async (path: string, token: string) => {
    const reply = await send(`${gate.url}${path}`, { method, headers: { token } });
    return reply.status === 200 ? "200" : `${reply.status} ${reply.json["error"]}`;
  };
  return { gate, clock, get: ask("GET"), post: ask("POST") };
}

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const tokenFor = (seconds: number, more = {}) =>
  makeToken({ iat: inSeconds(-10), exp: inSeconds(seconds), ...more });
const metricsOf = async ({ adminUrl }: TestGate) => (await send(`${adminUrl}/metrics`)).text;
const readinessOf = async ({ adminUrl }: TestGate) => send(`${adminUrl}/readyz`);

describe("a wall clock that jumps", () => {
  for (const kind of ["embedded", "redis"] as const) {
    it(`ahead and back revives no token (${kind})`, async (t) => {
      const redis = kind === "redis" ? await startUsedRedis(t) : undefined;
      const times = `${patience}, staleness: 100ms, grace: 300ms`;
      const denylist = redis && `{ dataDir: data, redis: { url: "${redis.url}", ${times} } }`;
      const { gate, clock, get, post } = await start(t, denylist ? { denylist } : {});
      await untilReady(gate);
      const [revoked, live] = [tokenFor(1800), tokenFor(1800)];
      assert.equal(await post("/logout", revoked), "200");

      clock.set(hour);
      // By one clock they have expired, by the other they have not: it is not said that they have.
      assert.equal(await get("/me", live), "503 denylist_unavailable");
      assert.notEqual(await get("/me", revoked), "200");
      // With Redis, once everything has been loaded again.
      const fresh = tokenFor(2 * hour);
      await until(async () => (await get("/me", fresh)) === "200");
      const unready = await readinessOf(gate);
      assert.equal(unready.status, 503);
      assert.match(unready.text, /clock is 3600\.\d s ahead of/);
      // Whatever is swept every second has been.
      await until(async () => /^revgate_clock_trusted 0$/m.test(await metricsOf(gate)));
      assert.match(await metricsOf(gate), /^revgate_clock_steps_total 1$/m);

      clock.set(0);
      await untilReady(gate);
      assert.equal(await get("/me", revoked), "401 token_revoked");
      assert.equal(await get("/me", live), "200");
      await until(async () => /^revgate_clock_trusted 1$/m.test(await metricsOf(gate)));
      assert.match(gate.logged(), /the wall clock has jumped/);
      assert.match(gate.logged(), /the time is in doubt/);
    });
  }

  it("makes no cut-off of the wrong time: the application is not even asked", async (t) => {
    const { gate, clock, get, post } = await start(t);
    const token = tokenFor(4 * hour, { sub: "alice" });
    for (const ahead of [hour, -hour]) {
      clock.set(ahead);
      assert.equal(await post("/password", token), "503 denylist_unavailable");
      // One token by itself can be ended at any time.
      assert.equal(await post("/logout", tokenFor(4 * hour)), "200");
    }
    clock.set(0);
    await untilReady(gate);
    assert.equal(await post("/password", token), "200");
    assert.equal(await get("/me", token), "401 token_revoked");
    const next = makeToken({ sub: "alice", iat: inSeconds(0), exp: inSeconds(hour) });
    assert.equal(await get("/me", next), "200");
  });

  it("while the application changes a password locks its user out no longer than it lasts", async (t) => {
    const clock = machineClock();
    const listener: RequestListener = ({ url }, response) => {
      if (url === "/password") clock.set(hour);
      response.end("ok");
    };
    const { gate, get, post } = await start(t, { listener }, clock);
    const token = tokenFor(4 * hour, { sub: "alice" });
    const changed = post("/password", token);
    // In force at once, and not answered before it is known what time it was.
    await until(async () => (await get("/me", token)) === "401 token_revoked");
    clock.set(0);
    assert.equal(await changed, "200");
    await untilReady(gate);
    const next = makeToken({ sub: "alice", iat: inSeconds(0), exp: inSeconds(hour) });
    assert.equal(await get("/me", next), "200");
  });

  it("drops no revocation that arrives meanwhile", async (t) => {
    const redis = await startUsedRedis(t);
    const times = `${patience}, staleness: 100ms, grace: 300ms`;
    const denylist = `{ dataDir: data, redis: { url: "${redis.url}", ${times} } }`;
    const [a, b] = [await start(t, { denylist }), await start(t, { denylist })];
    await Promise.all([untilReady(a.gate), untilReady(b.gate)]);
    b.clock.set(hour);
    const token = tokenFor(1800);
    const logOut = { method: "POST", headers: { token } };
    await logOutWith(() => send(`${a.gate.url}/logout`, logOut));
    assert.notEqual(await b.get("/me", token), "200");
    b.clock.set(0);
    await untilReady(b.gate);
    assert.equal(await statusOf(b.gate, token), 401);
  });

  it("is told by Redis's clock, where the two have differed from the start", async (t) => {
    const theirs = makeSteppingClocks(t)();
    theirs.setOff(120);
    const redis = await startRedis(t, [], theirs.env);
    const times = `${patience}, grace: 300ms, whenUnavailable: serve-known`;
    const denylist = `{ dataDir: data, redis: { url: "${redis.url}", ${times} } }`;
    const { gate, get, post } = await start(t, { denylist });
    const alice = tokenFor(hour, { sub: "alice" });
    let unready = await readinessOf(gate);
    while (!/that of redis/.test(unready.text)) unready = await readinessOf(gate);
    assert.equal(unready.status, 503);
    assert.match(unready.text, /this machine's clock is (?:119|120)\.\d s behind that of redis/);
    assert.match(await metricsOf(gate), /^revgate_clock_difference_seconds 1(?:19|20)/m);
    await until(async () => /^revgate_clock_trusted 0$/m.test(await metricsOf(gate)));
    // No cut-off is made of a time of which nobody can say whether it is right.
    assert.equal(await post("/password", alice), "503 denylist_unavailable");
    assert.equal(await get("/me", alice), "200");
    // Expired by Redis's clock, and not by this machine's.
    assert.equal(await get("/me", tokenFor(60)), "503 denylist_unavailable");
    theirs.setOff(0);
    await untilReady(gate);
    assert.equal(await post("/password", alice), "200");

    // Out of reach it says nothing: the rule of the two own clocks alone.
    theirs.setOff(120);
    await until(async () => /that of redis/.test((await readinessOf(gate)).text));
    await redis.kill();
    await untilReady(gate);
    const bob = tokenFor(hour, { sub: "bob" });
    assert.equal(await post("/password", bob), "503 revocation_pending");
    assert.equal(await get("/me", bob), "401 token_revoked");
  });

  it("that was wrong from the start is hinted at by tokens and responses, once in the log", async (t) => {
    const clock = machineClock();
    clock.set(-hour);
    const { gate, get } = await start(t, {}, clock);
    // Issued by the right time; forged ones say nothing.
    const login = () => makeToken({ iat: inSeconds(0), exp: inSeconds(hour), jti: randomUUID() });
    const [header, payload] = login().split(".");
    assert.equal(await get("/me", `${header}.${payload}.${"A".repeat(342)}`), "401 token_invalid");
    assert.match(await metricsOf(gate), /^revgate_clock_hints_total\{source="iat"\} 0$/m);
    // (One token a second is looked at.)
    await until(async () => {
      assert.equal(await get("/me", login()), "401 token_invalid");
      return /clock_hints_total\{source="iat"\} [1-9]/.test(await metricsOf(gate));
    });
    assert.equal(await get("/me", tokenFor(hour, { iat: inSeconds(-2 * hour) })), "200");
    assert.match(await metricsOf(gate), /^revgate_clock_hints_total\{source="date"\} 1$/m);
    assert.match(gate.logged(), /"source":"date","aheadSeconds":3(?:599|600|601)\b/);
    assert.equal(gate.logged().split('"source":"iat"').length, 2);
    assert.equal((await readinessOf(gate)).status, 200);
  });

  it("that was ahead at the start lets nobody in by what it has kept out", async (t) => {
    const first = await start(t);
    const [revoked, live] = [tokenFor(1800), tokenFor(1800)];
    assert.equal(await first.post("/logout", revoked), "200");
    const { directory } = first.gate;
    await first.gate.stop();
    const clock = machineClock();
    clock.set(hour);
    const second = await start(t, { directory }, clock);
    assert.equal(await second.get("/me", revoked), "401 token_expired");
    clock.set(0);
    assert.equal(await second.get("/me", revoked), "503 denylist_unavailable");
    // It goes on evenly, and is believed: nothing was lost for good.
    clock.pass(31);
    await untilReady(second.gate);
    assert.equal(await second.get("/me", revoked), "401 token_revoked");
    assert.equal(await second.get("/me", live), "200");
  });

  it("that was ahead from the start lets no token in that was revoked as an expired one", async (t) => {
    const clock = machineClock();
    clock.set(hour);
    const { gate, get } = await start(t, { denylist: `{ dataDir: data }\n${admin}` }, clock);
    const token = tokenFor(1800);
    const revoked = await send(`${gate.adminUrl}/revoke`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, ...form },
      body: `token=${token}`,
    });
    assert.equal(revoked.status, 200);
    clock.set(0);
    clock.pass(31);
    await untilReady(gate);
    assert.equal(await get("/me", token), "503 denylist_unavailable");
    assert.equal(await get("/me", tokenFor(2 * hour)), "200");
  });

  it("that was ahead when the journal was compacted lets nobody in by what was left out", async (t) => {
    const dataDir = temporaryDirectory(t);
    const opened = async (ahead: number) => {
      const nowSeconds = () => Date.now() / 1000 + ahead;
      const denylist = await openEmbeddedDenylist({
        ...{ dataDir, clock: { nowSeconds }, onUnknownOutcome: "revoke" },
      });
      t.after(() => denylist.close());
      return denylist;
    };
    const expiresAt = inSeconds(1800);
    const revoked = { ...entryFor("revoked"), expiresAt: expiresAt + keptBeyondSeconds };
    const first = await opened(0);
    await first.revoke([revoked]);
    await first.close();
    const ahead = await opened(hour);
    await ahead.journal.compact();
    await ahead.close();
    const right = await opened(0);
    const names = { id: revoked.value, expiresAt };
    assert.equal(right.lookUp(names), "ask");
    await assert.rejects(right.ask(names), {
      code: "store_unavailable",
      message: /clock was ahead/,
    });
    // What lives longer than anything that was left out cannot have been among it.
    const later = { id: entryFor("other").value, expiresAt: inSeconds(1900) };
    assert.equal(right.lookUp(later), "live");
  });
});
