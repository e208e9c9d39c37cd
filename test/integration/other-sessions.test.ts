import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { statusOf } from "../helpers/again.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { type Reply, send } from "../helpers/http.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";

const routes = `
routes:
  - { path: /me/password, methods: [POST], revoke: others, sparing: [ { cookie: refresh }, { responseJson: /token } ] }
  - { path: /plain, methods: [POST], revoke: others }
  - { path: /everywhere, methods: [POST], revoke: subject }
  - { path: /reset, methods: [POST], access: public, revoke: others, subjectFrom: { responseJson: /user }, sparing: [ { responseCookie: session } ] }
  - { path: /login, methods: [POST], access: public, handsOut: [ { responseJson: /access }, { responseHeader: x-refresh } ], only: latest }
tokens: { keys: [ { publicKeyFile: public.pem } ], sessionClaim: session }`;

/** What the application answers, by its path. */
const answers: Readonly<Record<string, () => { body?: unknown; headers?: object }>> = {
  "/me/password": () => ({ body: { token: makeToken() } }),
  "/reset": () => ({
    body: { user: "alice" },
    headers: { "Set-Cookie": `session=Bearer%20${makeToken()}; HttpOnly` },
  }),
  "/login": () => ({ body: { access: makeToken() }, headers: { "X-Refresh": makeToken() } }),
};

/** Sidecars that share a store before an application that hands out tokens of alice. */
async function start(t: TestContext, count: number) {
  const application = await startApplication(t, (request, response) => {
    request.resume();
    const says = request.headers["x-says"];
    const { body = {}, headers = {} } = answers[request.url ?? ""]?.() ?? {};
    response.writeHead(Number(request.headers["x-status"] ?? 200), {
      "Content-Type": "application/json",
      ...headers,
    });
    response.end(says ?? JSON.stringify(body));
  });
  const redis = count > 1 ? await startUsedRedis(t) : undefined;
  const store = `, redis: { url: "${redis?.url}", ${patience}, grace: 300ms }`;
  const yaml = `${routes}\ndenylist: { dataDir: data${redis ? store : ""} }`;
  const starts = Array.from({ length: count }, () =>
    startGate(t, { upstream: application.url, yaml }),
  );
  const gates = await Promise.all(starts);
  for (const gate of gates) await untilReady(gate);
  const [first] = gates;
  assert.ok(first);
  return { gates, first };
}

const isLive = async (gate: TestGate, token: string) => (await statusOf(gate, token)) === 200;

const post = (gate: TestGate, path: string, headers: Record<string, string> = {}) =>
  send(`${gate.url}${path}`, { method: "POST", headers });

const handedOut = (reply: Reply, name: string) => String(reply.json[name]);

// Each waits for the end of a second, again and again.
describe("revoke: others", { concurrency: 3 }, () => {
  it("ends the other devices on every sidecar, and neither the one that asked nor what it was handed", async (t) => {
    const { gates, first } = await start(t, 2);
    const [laptop, refresh, phone] = [makeToken(), makeToken(), makeToken()];
    const bob = makeToken({ sub: "bob" });
    const cookie = `refresh=${refresh}`;
    const reply = await post(first, "/me/password", { token: laptop, cookie });
    assert.equal(reply.status, 200);
    const token = handedOut(reply, "token");
    for (const gate of gates) {
      const live = await Promise.all(
        [laptop, refresh, token, bob, phone].map((each) => isLive(gate, each)),
      );
      assert.deepEqual(live, [true, true, true, true, false]);
      assert.ok(await isLive(gate, makeToken()), "a login afterwards");
    }
  });

  it("spares the session of the token that was carried", async (t) => {
    const { first } = await start(t, 1);
    const [access, refresh] = [makeToken({ session: 1 }), makeToken({ session: 1 })];
    const other = makeToken({ session: 2 });
    assert.equal((await post(first, "/plain", { token: access })).status, 200);
    const live = await Promise.all([access, refresh, other].map((each) => isLive(first, each)));
    assert.deepEqual(live, [true, true, false]);
  });

  it("spares nothing that was not shown: forged, of another place, or ended by somebody else", async (t) => {
    const { first } = await start(t, 1);
    const [laptop, phone, tablet] = [makeToken(), makeToken(), makeToken()];
    const forged = `${tablet.slice(0, -10)}AAAAAAAAAA`;
    const cookie = `refresh=${forged}; other=${phone}`;
    await post(first, "/me/password", { token: laptop, cookie });
    assert.deepEqual(
      await Promise.all([laptop, phone, tablet].map((each) => isLive(first, each))),
      [true, false, false],
    );
    // Who was spared is not spared by the next.
    const tv = makeToken();
    await post(first, "/plain", { token: tv });
    assert.deepEqual([await isLive(first, laptop), await isLive(first, tv)], [false, true]);
    await post(first, "/everywhere", { token: tv });
    assert.equal(await isLive(first, tv), false);
  });

  it("ends both of two that do it at the same time, each by the other", async (t) => {
    const { gates } = await start(t, 2);
    const devices = [makeToken(), makeToken()];
    await Promise.all(
      gates.map((gate, index) => post(gate, "/plain", { token: devices[index] ?? "" })),
    );
    for (const gate of gates) {
      const live = await Promise.all(devices.map((each) => isLive(gate, each)));
      assert.ok(!live.every(Boolean), "one of them has ended the other");
    }
  });

  it("ends nothing where the application says no", async (t) => {
    const { first } = await start(t, 1);
    const [laptop, phone] = [makeToken(), makeToken()];
    await post(first, "/me/password", { token: laptop, "x-status": "400" });
    assert.deepEqual([await isLive(first, laptop), await isLive(first, phone)], [true, true]);
  });

  it("keeps the token in a cookie of the answer that names its subject, and says if there is none", async (t) => {
    const { first } = await start(t, 1);
    const phone = makeToken();
    const reply = await post(first, "/reset");
    const [cookie = ""] = reply.headers["set-cookie"] ?? [];
    const token = /session=Bearer%20([^;]+)/.exec(cookie)?.[1] ?? "";
    assert.deepEqual([await isLive(first, phone), await isLive(first, token)], [false, true]);
    const laptop = makeToken();
    await post(first, "/me/password", { token: laptop, "x-says": '{"token":"none"}' });
    assert.equal(await isLive(first, laptop), true);
    const { text } = await send(`${first.adminUrl}/metrics`);
    assert.match(text, /^revgate_nothing_handed_out_total 1$/m);
    assert.match(first.logged(), /handed out no valid token of a subject/);
  });
});

describe("only: latest", { concurrency: 3 }, () => {
  it("ends the sessions of before at every login, on every sidecar", async (t) => {
    const { gates, first } = await start(t, 2);
    const bob = makeToken({ sub: "bob" });
    const before = await post(first, "/login");
    const [old, oldRefresh] = [handedOut(before, "access"), String(before.headers["x-refresh"])];
    for (const gate of gates) {
      assert.deepEqual([await isLive(gate, old), await isLive(gate, oldRefresh)], [true, true]);
    }
    const reply = await post(first, "/login");
    const [token, refresh] = [handedOut(reply, "access"), String(reply.headers["x-refresh"])];
    for (const gate of gates) {
      const live = await Promise.all(
        [old, oldRefresh, token, refresh, bob].map((each) => isLive(gate, each)),
      );
      assert.deepEqual(live, [false, false, true, true, true]);
    }
  });

  it("leaves one of two logins in the same moment, whichever sidecar they come to", async (t) => {
    const { gates } = await start(t, 2);
    const replies = await Promise.all([...gates, ...gates].map((gate) => post(gate, "/login")));
    const tokens = replies.map((reply) => handedOut(reply, "access"));
    for (const gate of gates) {
      const live = await Promise.all(tokens.map((token) => isLive(gate, token)));
      assert.equal(live.filter(Boolean).length, 1, live.join(" "));
    }
  });

  it("ends nothing at a failed login, nor where no token is handed out, which is told", async (t) => {
    const { first } = await start(t, 1);
    const session = makeToken();
    assert.equal((await post(first, "/login", { "x-status": "401" })).status, 401);
    const says = { "x-says": '{"access":"opaque"}', "x-status": "200" };
    // The header is handed out all the same, and leaves its session alone.
    const reply = await post(first, "/login", says);
    assert.equal(await isLive(first, session), false);
    assert.equal(await isLive(first, String(reply.headers["x-refresh"])), true);
    const { text } = await send(`${first.adminUrl}/metrics`);
    assert.match(text, /^revgate_nothing_handed_out_total 0$/m);
  });
});
