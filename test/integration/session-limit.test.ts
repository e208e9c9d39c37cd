import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { type Reply, send } from "../helpers/http.ts";
import type { TestRedis } from "../helpers/redis.ts";
import type { Ending } from "../helpers/shared.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";

const pair = "handsOut: [ { responseJson: /access }, { responseJson: /refresh } ]";
const refresh = "from: [ { header: refresh } ], tokens: opaque";
const routes = `
routes:
  - { path: /login, methods: [POST], access: public, ${pair}, session: begins, only: { latest: 2 } }
  - { path: /refresh, methods: [POST], ${refresh}, ${pair}, session: continues }
  - { path: /logout, methods: [POST], revoke: session }
  - { path: /everywhere, methods: [POST], revoke: subject }
tokens: { keys: [ { publicKeyFile: public.pem } ], sessionClaim: session }`;

interface Pair {
  readonly access: string;
  readonly refresh: string;
}

/** Two sidecars that share a Redis; the second one asks it on every request. */
async function start(t: Ending) {
  const application = await startApplication(t, (request, response) => {
    request.resume();
    const { user, claims = "{}", status = "200" } = request.headers;
    const { beside = randomUUID() } = request.headers;
    const access = makeToken({ sub: user, ...JSON.parse(String(claims)) });
    response.writeHead(Number(status), { "Content-Type": "application/json" });
    response.end(JSON.stringify({ access, refresh: beside }));
  });
  const redis = await startUsedRedis(t);
  const starts = ["local", "every-request"].map((reads) => {
    const store = `{ url: "${redis.url}", commandTimeout: 5s, grace: 300ms, reads: ${reads} }`;
    const yaml = `${routes}\ndenylist: { dataDir: data, redis: ${store} }`;
    return startGate(t, { upstream: application.url, yaml });
  });
  const gates = await Promise.all(starts);
  for (const gate of gates) await untilReady(gate);
  const [first, last] = gates;
  assert.ok(first && last);
  return { redis, gates, first, last, application: application.url };
}

const post = (gate: TestGate, path: string, headers: Record<string, string>) =>
  send(`${gate.url}${path}`, { method: "POST", headers });

/** Asks again while a proof is late on a busy machine; a login that was refused has left nothing behind. */
async function answered(ask: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    const reply = await ask();
    if (reply.status !== 503) return reply;
  }
}

async function pairFrom(gate: TestGate, path: string, headers: Record<string, string>) {
  const reply = await answered(() => post(gate, path, headers));
  assert.equal(reply.status, 200, reply.text);
  return reply.json as unknown as Pair;
}

const login = (gate: TestGate, user: string, claims = {}) =>
  pairFrom(gate, "/login", { user, claims: JSON.stringify(claims) });

async function isLive(gate: TestGate, { access, refresh: token }: Pair): Promise<boolean> {
  const asked = [
    await answered(() => send(`${gate.url}/me`, { headers: { token: access } })),
    await answered(() => post(gate, "/refresh", { refresh: token, status: "404" })),
  ];
  const [used, refreshed] = asked.map(({ status }) => status !== 401);
  assert.equal(used, refreshed, "both tokens of a pair live, or none");
  return used === true;
}

const liveAt = (gate: TestGate, pairs: readonly Pair[]) =>
  Promise.all(pairs.map((each) => isLive(gate, each)));

describe("only: { latest: 2 }", { concurrency: true }, () => {
  const endings: (() => unknown)[] = [];
  after(async () => {
    for (const end of endings.reverse()) await end();
  });
  let gates: readonly TestGate[] = [];
  let redis: TestRedis;
  let application: string;
  let first: TestGate;
  let last: TestGate;
  before(async () => {
    ({ redis, gates, first, last, application } = await start({
      after: (end) => void endings.push(end),
    }));
  });

  it("ends a user's oldest sessions at every login, with all their tokens, at every sidecar", async () => {
    const [oldest, second, bob] = [
      await login(first, "ann"),
      await login(last, "ann"),
      await login(first, "bob"),
    ];
    // A refreshed session is no new one, and does not become a younger one.
    const renewed = await pairFrom(last, "/refresh", { refresh: oldest.refresh, user: "ann" });
    for (const gate of gates) {
      assert.deepEqual(await liveAt(gate, [oldest, renewed, second, bob]), Array(4).fill(true));
    }
    const third = await login(first, "ann");
    for (const gate of gates) {
      const live = await liveAt(gate, [oldest, renewed, second, third, bob]);
      assert.deepEqual(live, [false, false, true, true, true]);
    }
  });

  it("counts no session that was logged out, or ended with all of its user's", async () => {
    const [phone, laptop] = [await login(first, "cid"), await login(last, "cid")];
    assert.equal((await post(last, "/logout", { token: laptop.access })).status, 200);
    const tablet = await login(first, "cid");
    for (const gate of gates) {
      assert.deepEqual(await liveAt(gate, [phone, laptop, tablet]), [true, false, true]);
    }
    const { status } = await answered(() => post(first, "/everywhere", { token: phone.access }));
    assert.equal(status, 200);
    const again = [await login(last, "cid"), await login(first, "cid")];
    for (const gate of gates) assert.deepEqual(await liveAt(gate, again), [true, true]);
  });

  it("leaves two of many logins in the same moment, whichever sidecars they come to", async () => {
    const before = await login(first, "dan");
    const many = [...gates, ...gates, ...gates].map((gate) => login(gate, "dan"));
    const pairs = await Promise.all(many);
    for (const gate of gates) {
      const live = await liveAt(gate, pairs);
      assert.equal(live.filter(Boolean).length, 2, live.join(" "));
      assert.equal(await isLive(gate, before), false);
    }
  });

  it("has a login wait for a sidecar that has just started", async (t) => {
    const store = `{ url: "${redis.url}", commandTimeout: 5s, grace: 300ms }`;
    const yaml = `${routes}\ndenylist: { dataDir: data, redis: ${store} }`;
    const held = [await login(first, "han"), await login(last, "han")];
    const newcomer = await startGate(t, { upstream: application, yaml });
    await untilReady(newcomer);
    const { status, text, json } = await post(newcomer, "/login", { user: "han" });
    assert.equal(status, 200, text);
    const pairs = [...held, json as unknown as Pair];
    assert.deepEqual(await liveAt(newcomer, pairs), [false, true, true]);
  });

  it("goes by the session that the tokens name, if they name one", async () => {
    const one = await login(first, "eve", { session: 1 });
    const unlinked = makeToken({ sub: "eve", session: 1 });
    await login(first, "eve", { session: 2 });
    await login(last, "eve", { session: 3 });
    for (const gate of gates) {
      assert.equal(await isLive(gate, one), false);
      const reply = await answered(() => send(`${gate.url}/me`, { headers: { token: unlinked } }));
      assert.equal(reply.status, 401);
    }
  });

  it("counts a session for as long as a token lives that continued it", async () => {
    const beginnings = async () => {
      const keys = await redis.client.keys("revgate:ses:*");
      return (await redis.client.mget(keys)).map((value) => value?.split(" ") ?? []);
    };
    const now = Math.floor(Date.now() / 1000);
    const user = { user: "gus", beside: "none" };
    const lasting = (seconds: number) => JSON.stringify({ exp: now + seconds });
    const { access } = await pairFrom(first, "/login", { ...user, claims: lasting(600) });
    // The last that began: a login that was refused has left one that is over.
    const own = (await beginnings()).filter(([until]) => Number(until) < now + 9e3);
    const [expiry, ...whose] = own.sort(([, , a], [, , b]) => Number(b) - Number(a))[0] ?? [];
    assert.ok(expiry !== undefined);
    await pairFrom(last, "/refresh", { ...user, refresh: access, claims: lasting(700) });
    const after = (await beginnings()).find((words) => words.join(" ").endsWith(whose.join(" ")));
    assert.deepEqual(after, [String(Number(expiry) + 100), ...whose]);
  });

  it("ends nothing at a login that failed, or that names no user, which is told", async () => {
    const held = [await login(first, "fay"), await login(last, "fay")];
    assert.equal((await post(first, "/login", { user: "fay", status: "401" })).status, 401);
    const reply = await answered(() =>
      post(first, "/login", { user: "fay", claims: '{"sub":{}}' }),
    );
    assert.equal(reply.status, 200);
    for (const gate of gates) assert.deepEqual(await liveAt(gate, held), [true, true]);
    const { text } = await send(`${first.adminUrl}/metrics`);
    assert.match(text, /^revgate_nothing_handed_out_total [1-9]/m);
  });
});

describe("only: { latest: 2 }, while Redis is away", () => {
  it("has no login succeed, and none that failed takes a place", async (t) => {
    const { redis, gates, first, last } = await start(t);
    const [phone, laptop] = [await login(first, "ann"), await login(last, "ann")];
    await redis.kill();
    const refused = [await post(first, "/login", { user: "ann" })];
    refused.push(await post(first, "/login", { user: "ann" }));
    assert.deepEqual(
      refused.map(({ status, json }) => [status, json["error"]]),
      [
        [503, "revocation_pending"],
        [503, "revocation_pending"],
      ],
    );
    await redis.start();
    for (const gate of gates) await untilReady(gate);
    for (const gate of gates) assert.deepEqual(await liveAt(gate, [phone, laptop]), [true, true]);
    assert.equal((await post(first, "/logout", { token: phone.access })).status, 200);
    const tablet = await login(last, "ann");
    for (const gate of gates) {
      assert.deepEqual(await liveAt(gate, [phone, laptop, tablet]), [false, true, true]);
    }
  });
});
