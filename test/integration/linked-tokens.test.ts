import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { answered, logOutWith, statusOf } from "../helpers/again.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { openRaw, type Reply, send } from "../helpers/http.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const pair = "handsOut: [ { responseJson: /access }, { responseJson: /refresh } ]";
const refresh = "from: [ { header: refresh } ], tokens: opaque";
const routes = `
routes:
  - { path: /login, methods: [POST], access: public, ${pair}, session: begins }
  - { path: /refresh, methods: [POST], ${refresh}, ${pair}, session: continues }
  - { path: /strict, methods: [POST], ${refresh}, ${pair}, session: continues, reused: end }
  - { path: /renew, ${refresh}, ${pair}, session: continues, reused: end }
  - { path: /logout, methods: [POST], revoke: session }
  - { path: /refresh-logout, methods: [POST], ${refresh}, revoke: session }
  - { path: /others, methods: [POST], revoke: others }
  - { path: /everywhere, methods: [POST], revoke: subject }
  - { path: /alone, methods: [POST], access: public, ${pair}, session: begins, only: latest }
  - { path: /visit, access: public, handsOut: [ { responseCookie: session } ], session: begins }
  - { path: /web, methods: [POST], access: public, handsOut: [ { responseCookie: session }, { responseJson: /state }, { responseJson: /access } ], session: begins }
  - { path: /cookie-logout, methods: [POST], from: [ { cookie: session } ], tokens: opaque, revoke: session }
  - { path: /page, handsOut: [ { responseCookie: session } ], session: continues }
limits: { unprovenLinks: 4 }
tokens: { keys: [ { publicKeyFile: public.pem } ], sessionClaim: session }`;

/** What the application hands out: an access token, and a refresh token that means nothing to anybody else. */
const handOut = () => JSON.stringify({ access: makeToken(), refresh: randomUUID() });

/** What the application sets; PHP, for one, takes a cookie away by giving it a value. */
function cookiesOf(url: string | undefined): string[] {
  switch (url) {
    case "/page":
      return [`session=${makeToken()}; Path=/`];
    case "/visit":
      return [`session=${randomUUID()}; Path=/`];
    case "/web":
      return [
        "session=deleted-deleted-deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT",
        "session=deleted-deleted-deleted; Max-Age=0",
        "session=guest-guest-guest-guest",
      ];
    default:
      return [];
  }
}

async function start(t: TestContext, count: number, redisSettings = "") {
  const waiting = new EventEmitter();
  const application = await startApplication(t, async (request, response) => {
    request.resume();
    if (request.headers["x-waits"] !== undefined) {
      const released = once(waiting, "released");
      waiting.emit("asked");
      await released;
    }
    const cookie = { "Set-Cookie": cookiesOf(request.url) };
    response.writeHead(Number(request.headers["x-status"] ?? 200), {
      "Content-Type": String(
        request.headers["x-type"] ?? request.headers.accept ?? "application/json",
      ),
      ...cookie,
    });
    response.end(request.headers["x-says"] ?? handOut());
  });
  const redis = count > 1 ? await startUsedRedis(t) : undefined;
  const store = `, redis: { url: "${redis?.url}", ${patience}, grace: 300ms${redisSettings} }`;
  const yaml = `${routes}\ndenylist: { dataDir: data${redis ? store : ""} }`;
  const gates = await Promise.all(
    Array.from({ length: count }, () => startGate(t, { upstream: application.url, yaml })),
  );
  for (const gate of gates) await untilReady(gate);
  const [first, last = first] = gates;
  assert.ok(first && last);
  return { application, waiting, redis, first, last };
}

const post = (gate: TestGate, path: string, headers: Record<string, string> = {}) =>
  send(`${gate.url}${path}`, { method: "POST", headers });

interface Pair {
  readonly access: string;
  readonly refresh: string;
}

const pairIn = (reply: Reply): Pair => {
  assert.equal(reply.status, 200, reply.text);
  return reply.json as unknown as Pair;
};

const isLive = async (gate: TestGate, token: string) => (await statusOf(gate, token)) === 200;

/** Whether a refresh token is let through. */
async function mayRefresh(gate: TestGate, token: string): Promise<boolean> {
  const headers = { refresh: token, "x-status": "404" };
  const { status } = await answered(() => post(gate, "/refresh", headers));
  return status === 404;
}

const metric = async (gate: TestGate, line: RegExp) =>
  line.test((await send(`${gate.adminUrl}/metrics`)).text);

describe("linked tokens", { concurrency: 3 }, () => {
  it("end together by any one of them, on every sidecar, and no other session does", async (t) => {
    const { first, last } = await start(t, 2);
    const phone = pairIn(await post(first, "/login"));
    const laptop = pairIn(await post(first, "/login"));
    // Replaced at the other sidecar, twice.
    const second = pairIn(await post(last, "/refresh", { refresh: phone.refresh }));
    const third = pairIn(await post(first, "/refresh", { refresh: second.refresh }));
    const all = [phone, second, third];
    for (const { access } of [...all, laptop]) assert.ok(await isLive(last, access));
    await logOutWith(() => post(last, "/refresh-logout", { refresh: third.refresh }));
    for (const gate of [first, last]) {
      for (const { access, refresh: token } of all) {
        assert.deepEqual(
          [await isLive(gate, access), await mayRefresh(gate, token)],
          [false, false],
        );
      }
      assert.ok(await isLive(gate, laptop.access));
      assert.ok(await mayRefresh(gate, laptop.refresh));
    }
  });

  it("end with the access token, and what is handed out meanwhile is dead from the start", async (t) => {
    const { first, waiting } = await start(t, 1);
    const { access, refresh: token } = pairIn(await post(first, "/login"));
    const asked = once(waiting, "asked");
    const late = post(first, "/refresh", { refresh: token, "x-waits": "1" });
    await asked;
    assert.equal((await post(first, "/logout", { token: access })).status, 200);
    waiting.emit("released");
    const renewed = pairIn(await late);
    assert.deepEqual(
      [await isLive(first, renewed.access), await mayRefresh(first, renewed.refresh)],
      [false, false],
    );
  });

  it("are still known after a restart, and after a Redis that has lost everything", async (t) => {
    const { first, last, redis } = await start(t, 2);
    const { access, refresh: token } = pairIn(await post(first, "/login"));
    await redis?.client.flushall();
    // The refresh token by both of its names (decision 86).
    await until(async () => (await redis?.client.keys("revgate:lnk:*"))?.length === 3);
    await untilReady(last);
    await first.stop();
    await logOutWith(() => post(last, "/logout", { token: access }));
    assert.equal(await mayRefresh(last, token), false);
  });

  it("end if a token that was replaced comes again, if that is asked for", async (t) => {
    const { first, last } = await start(t, 2);
    const stolen = pairIn(await post(first, "/login"));
    const renewed = pairIn(await post(first, "/strict", { refresh: stolen.refresh }));
    assert.deepEqual(
      [await isLive(last, stolen.access), await mayRefresh(last, renewed.refresh)],
      [true, true],
    );
    for (let i = 0; i < 3; i += 1) {
      const reply = await post(last, "/strict", { refresh: stolen.refresh });
      assert.equal(reply.json["error"], "token_revoked");
    }
    for (const gate of [first, last]) {
      assert.deepEqual(
        [await isLive(gate, renewed.access), await mayRefresh(gate, renewed.refresh)],
        [false, false],
      );
    }
    assert.ok(await metric(last, /^revgate_reused_tokens_total 1$/m));
    assert.match(last.logged(), /that had been replaced came again/);
  });

  it("come in cookies that are replaced on every page", async (t) => {
    const { first } = await start(t, 1);
    const { access } = pairIn(await post(first, "/login"));
    const cookies: string[] = [];
    let token = access;
    for (let page = 0; page < 3; page += 1) {
      const reply = await send(`${first.url}/page`, { headers: { token } });
      token = /^session=([^;]+)/.exec(reply.headers["set-cookie"]?.[0] ?? "")?.[1] ?? "";
      cookies.push(token);
    }
    await post(first, "/logout", { token });
    for (const each of [access, ...cookies]) assert.equal(await isLive(first, each), false);
  });

  it("come so with failures, with handshakes that are not followed, and with those that are", async (t) => {
    const { application, first } = await start(t, 1);
    const handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nHost: a\r\n";
    const page = async (token: string, lines: string) => {
      const connection = await openRaw(t, first.port);
      connection.write(`GET /page HTTP/1.1\r\nHost: a\r\nToken: ${token}\r\n${lines}\r\n`);
      const [, cookie = ""] = await connection.until(/\r\nset-cookie: session=([^;\r]+)/i);
      assert.equal(await isLive(first, cookie), true);
      return { cookie, status: connection.received().slice(9, 12) };
    };
    const failures = ["404", "422", "500"].map((status) => [`X-Status: ${status}\r\n`, status]);
    const upgrades = [[handshake.replace("Host: a\r\n", ""), "200"]];
    for (const [lines = "", expected] of [...failures, ...upgrades]) {
      const { access } = pairIn(await post(first, "/login"));
      const { cookie, status } = await page(access, lines);
      assert.equal(status, expected);
      await post(first, "/logout", { token: access });
      assert.equal(await isLive(first, cookie), false, lines);
    }
    application.server.on("upgrade", (_request, socket) => {
      const head = `Connection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: session=${makeToken()}`;
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head}\r\n\r\n`);
    });
    const { access } = pairIn(await post(first, "/login"));
    const { cookie, status } = await page(access, upgrades[0]?.[0] ?? "");
    assert.equal(status, "101");
    await post(first, "/logout", { token: access });
    assert.equal(await isLive(first, cookie), false);
  });

  it("are handed out as JSON, whatever a client accepts; if not, the token that brought them is spent", async (t) => {
    const { first } = await start(t, 1);
    const { refresh } = pairIn(await post(first, "/login", { accept: "application/xml" }));
    const reply = await post(first, "/strict", { refresh, "x-type": "application/xml" });
    assert.equal(reply.status, 200);
    const again = await post(first, "/strict", { refresh });
    assert.equal(again.json["error"], "token_revoked");
    assert.ok(await metric(first, /^revgate_nothing_handed_out_total 1$/m));
  });

  it("are not handed out past what reads them, and end if one comes again, by a handshake either", async (t) => {
    const { first } = await start(t, 1);
    const stolen = pairIn(await post(first, "/login"));
    const lines = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket";
    const shake = async (path: string, refresh: string) => {
      const connection = await openRaw(t, first.port);
      connection.write(`GET ${path} HTTP/1.1\r\n${lines}\r\nRefresh: ${refresh}\r\n\r\n`);
      return connection.untilClosed();
    };
    assert.match(await shake("/renew", stolen.refresh), /request_ambiguous/);
    const renewed = pairIn(await post(first, "/renew", { refresh: stolen.refresh }));
    assert.equal(await isLive(first, renewed.access), true);
    assert.match(await shake("/renew", stolen.refresh), /token_revoked/);
    assert.equal(await isLive(first, renewed.access), false);
  });

  it("are nobody else's, whatever all answers have in common", async (t) => {
    const { first } = await start(t, 1);
    const web = async () => {
      const access = makeToken();
      const says = JSON.stringify({ access, state: "none" });
      assert.equal((await post(first, "/web", { "x-says": says })).status, 200);
      return { access };
    };
    const [alice, bob] = [await web(), await web()];
    assert.equal((await post(first, "/logout", { token: alice.access })).status, 200);
    const later = await web();
    assert.deepEqual(
      [
        await isLive(first, alice.access),
        await isLive(first, bob.access),
        await isLive(first, later.access),
      ],
      [false, true, true],
    );
  });

  it("are not linked without end for those who never logged in", async (t) => {
    const { first } = await start(t, 1);
    const visits: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { headers } = await send(`${first.url}/visit`);
      visits.push(/^session=([^;]+)/.exec(headers["set-cookie"]?.[0] ?? "")?.[1] ?? "");
    }
    assert.ok(await metric(first, /^revgate_links_unproven_total 2$/m));
    assert.match(first.logged(), /too many opaque tokens were handed out/);
    // A token that comes with the request shows nothing of who logs in.
    await send(`${first.url}/visit`, { headers: { token: makeToken() } });
    assert.ok(await metric(first, /^revgate_links_unproven_total 3$/m));
    // Whoever shows an issuer's token is linked all the same.
    const { access, refresh: token } = pairIn(await post(first, "/login"));
    for (const visit of visits) {
      await post(first, "/cookie-logout", { cookie: `session=${visit}` });
    }
    // The first two are known with their sessions, the others alone.
    assert.ok(await metric(first, /^revgate_sessions_not_found_total 2$/m));
    assert.equal((await post(first, "/logout", { token: access })).status, 200);
    assert.equal(await mayRefresh(first, token), false);
  });

  it("are spared together with the one that is carried, or that is handed out alone", async (t) => {
    const { first } = await start(t, 1);
    const phone = pairIn(await post(first, "/login"));
    const renewed = pairIn(await post(first, "/refresh", { refresh: phone.refresh }));
    const other = makeToken();
    await post(first, "/others", { token: renewed.access });
    assert.deepEqual(
      [await isLive(first, phone.access), await isLive(first, other)],
      [true, false],
    );
    const alone = pairIn(await post(first, "/alone"));
    assert.deepEqual(
      [await isLive(first, phone.access), await isLive(first, alone.access)],
      [false, true],
    );
    await post(first, "/refresh-logout", { refresh: alone.refresh });
    assert.equal(await isLive(first, alone.access), false);
    // Each leaves its own opaque token, too, and ends the other one's.
    const [before, after] = [
      pairIn(await post(first, "/alone")),
      pairIn(await post(first, "/alone")),
    ];
    assert.deepEqual(
      [await mayRefresh(first, before.refresh), await mayRefresh(first, after.refresh)],
      [false, true],
    );
  });

  it("end with their subject, though they do not say whose they are", async (t) => {
    const { first, last } = await start(t, 2);
    const phone = pairIn(await post(first, "/login"));
    const laptop = pairIn(await post(last, "/login"));
    const renewed = pairIn(await post(last, "/refresh", { refresh: laptop.refresh }));
    const unlinked = randomUUID();
    await answered(() => post(first, "/others", { token: renewed.access }));
    for (const gate of [first, last]) {
      const may = [phone, laptop, renewed].map((each) => mayRefresh(gate, each.refresh));
      assert.deepEqual(await Promise.all(may), [false, true, true]);
    }
    await answered(() => post(last, "/everywhere", { token: renewed.access }));
    const later = pairIn(await post(first, "/login"));
    for (const gate of [first, last]) {
      const may = [laptop.refresh, renewed.refresh, later.refresh, unlinked].map((token) =>
        mayRefresh(gate, token),
      );
      assert.deepEqual(await Promise.all(may), [false, false, true, true]);
    }
  });

  it("end by a logout, and with their subject, when the key of names has changed since they began", async (t) => {
    const application = await startApplication(t, (request, response) => {
      request.resume();
      response.statusCode = Number(request.headers["x-status"] ?? 200);
      response.setHeader("Content-Type", "application/json").end(handOut());
    });
    const directory = temporaryDirectory(t);
    for (const name of ["one", "next"]) writeFileSync(join(directory, name), randomBytes(32));
    const open = (keys: string) => {
      const yaml = `${routes}\ndenylist: { dataDir: data, formerNames: false, ${keys} }`;
      return startGate(t, { upstream: application.url, yaml, directory });
    };
    const before = await open("nameKeyFile: one");
    const [phone, tablet, laptop] = [
      pairIn(await post(before, "/login")),
      pairIn(await post(before, "/login")),
      pairIn(await post(before, "/login")),
    ];
    await before.stop();
    const gate = await open("nameKeyFile: next, formerNameKeyFile: one");
    const renewed = pairIn(await post(gate, "/refresh", { refresh: laptop.refresh }));
    // By a token that was linked under the first key, and one that was linked under both.
    assert.equal((await post(gate, "/logout", { token: tablet.access })).status, 200);
    assert.equal(await mayRefresh(gate, tablet.refresh), false);
    assert.equal(await mayRefresh(gate, phone.refresh), true);
    assert.equal(await mayRefresh(gate, renewed.refresh), true);
    assert.equal((await post(gate, "/everywhere", { token: phone.access })).status, 200);
    for (const each of [phone, laptop, renewed]) {
      assert.equal(await isLive(gate, each.access), false);
      assert.equal(await mayRefresh(gate, each.refresh), false);
    }
  });

  it("are told of if nobody knows their session, or the application has handed out none", async (t) => {
    const { first } = await start(t, 1);
    const [unlinked, named, sameSession] = [
      makeToken(),
      makeToken({ session: "s" }),
      makeToken({ session: "s" }),
    ];
    await post(first, "/logout", { token: unlinked });
    assert.equal(await isLive(first, unlinked), false);
    assert.ok(await metric(first, /^revgate_sessions_not_found_total 1$/m));
    await post(first, "/logout", { token: named });
    assert.equal(await isLive(first, sameSession), false);
    assert.ok(await metric(first, /^revgate_sessions_not_found_total 1$/m));
    await post(first, "/login", { "x-says": "{}" });
    assert.ok(await metric(first, /^revgate_nothing_handed_out_total 1$/m));
  });

  it("end with what replaced them while their session could not be known", async (t) => {
    const { first, redis } = await start(t, 2, ", whenUnavailable: serve-known");
    await redis?.kill();
    const replaced = randomUUID();
    const renewed = await answered(() => post(first, "/refresh", { refresh: replaced }));
    const { refresh: token } = pairIn(renewed);
    assert.ok(await metric(first, /^revgate_links_late_total [1-9]/m));
    await redis?.start();
    await untilReady(first);
    await logOutWith(() => post(first, "/refresh-logout", { refresh: token }));
    assert.equal(await mayRefresh(first, token), false);
    assert.equal(await mayRefresh(first, replaced), false);
  });

  it("go out, and are told of, while Redis is away; they belong together when it is back", async (t) => {
    const { first, redis } = await start(t, 2);
    await redis?.kill();
    const reply = await post(first, "/login");
    const { access, refresh: token } = pairIn(reply);
    assert.ok(await metric(first, /^revgate_links_late_total 1$/m));
    await redis?.start();
    await untilReady(first);
    await logOutWith(() => post(first, "/logout", { token: access }));
    assert.equal(await mayRefresh(first, token), false);
  });
});
