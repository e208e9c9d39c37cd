import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { configSchema } from "../../src/config/schema.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";

const settings = `
tokens: { keys: [ { publicKeyFile: public.pem } ], from: [ { cookie: session }, { header: token } ] }
logout: { path: /revgate/logout, alsoRevoke: [ { cookie: refresh } ], clearCookies: [session, refresh], redirect: /login }
cors: { allowOrigins: [ "https://shop.example" ] }
routes:
  - { path: /articles, messages: { token_missing: { zh: 请先登录 }, token_revoked: Gone. } }
errors: { language: auto, messages: { token_missing: Missing. } }`;

async function start(t: TestContext, more = "") {
  const settingsOfOwn = more.startsWith("logout:")
    ? settings.replace(/^logout:.*$/m, "")
    : settings;
  const asked: string[] = [];
  const application = await startApplication(t, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    response.end("from the application");
  });
  const gate = await startGate(t, { upstream: application.url, yaml: `${settingsOfOwn}\n${more}` });
  await untilReady(gate);
  const logOut = (headers: Record<string, string> = {}, path = "/revgate/logout") =>
    send(`${gate.url}${path}`, { method: "POST", headers });
  const isLive = async (token: string) =>
    (await send(`${gate.url}/me`, { headers: { token } })).status === 200;
  return { gate, asked, logOut, isLive };
}

const cleared = ["session=; Path=/; Max-Age=0", "refresh=; Path=/; Max-Age=0"];

describe("a logout of revgate's own", () => {
  it("ends the token and the refresh token, clears their cookies, and asks the application nothing", async (t) => {
    const { gate, asked, logOut, isLive } = await start(t);
    const [session, refresh, other] = [makeToken(), makeToken(), makeToken()];
    const reply = await logOut({ cookie: `session=${session}; refresh=${refresh}` });
    assert.deepEqual([reply.status, reply.text], [204, ""]);
    assert.deepEqual(reply.headers["set-cookie"], cleared);
    assert.equal(reply.headers["cache-control"], "no-store");
    assert.ok(reply.headers["x-request-id"]);
    assert.deepEqual(asked, []);
    const live = await Promise.all([session, refresh, other].map(isLive));
    assert.deepEqual(live, [false, false, true]);
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /^revgate_requests_total\{outcome="logout_answered"\} 1$/m);
  });

  it("is the same a second time, with an expired token, and with none; not with a forged one", async (t) => {
    const { logOut } = await start(t);
    const token = makeToken();
    for (const headers of [
      { token },
      { token },
      { token: makeToken({ iat: 1, exp: 2 }) },
      {},
    ] as Record<string, string>[]) {
      const reply = await logOut(headers);
      assert.equal(reply.status, 204);
      assert.deepEqual(reply.headers["set-cookie"], cleared);
    }
    const forged = await logOut({ token: `${token.slice(0, -8)}AAAAAAAA` });
    assert.equal(forged.json["error"], "token_invalid");
    assert.equal(forged.headers["set-cookie"], undefined);
  });

  it("ends nothing but itself by a token that has expired, and what else is live by others that it carries", async (t) => {
    const logout =
      "logout: { path: /revgate/logout, revoke: subject, alsoRevoke: [ { cookie: refresh } ] }";
    const { logOut, isLive } = await start(t, logout);
    const [live, refresh] = [makeToken(), makeToken({ sub: "bob" })];
    const old = makeToken({ iat: 1, exp: 2 });
    assert.equal((await logOut({ token: old })).status, 204);
    assert.equal(await isLive(live), true);
    assert.equal((await logOut({ token: old, cookie: `refresh=${refresh}` })).status, 204);
    assert.deepEqual([await isLive(live), await isLive(refresh)], [true, false]);
    await logOut({ token: makeToken() });
    assert.equal(await isLive(live), false);
  });

  it("sends browsers to a page, and pages of other origins can read it", async (t) => {
    const { logOut } = await start(t);
    const reply = await logOut({
      token: makeToken(),
      accept: "text/html,*/*;q=0.8",
      origin: "https://shop.example",
    });
    assert.deepEqual([reply.status, reply.headers.location], [303, "/login"]);
    assert.deepEqual(reply.headers["set-cookie"], cleared);
    assert.equal(reply.headers["access-control-allow-origin"], "https://shop.example");
  });

  it("is what it is called, by POST, and nothing else", async (t) => {
    const { gate, asked, logOut, isLive } = await start(t);
    const token = makeToken();
    const got = await send(`${gate.url}/revgate/logout`, { headers: { token } });
    const reply = await logOut({ token }, "/revgate/logout/");
    assert.deepEqual([got.text, reply.text], ["from the application", "from the application"]);
    assert.deepEqual(asked, ["GET /revgate/logout", "POST /revgate/logout/"]);
    // The application said 2xx to what it may take for a logout.
    assert.equal(await isLive(token), false);
    const without = await send(`${gate.url}/revgate/logout`);
    assert.equal(without.json["error"], "token_missing");
  });

  it("is not done while Redis is away", async (t) => {
    const redis = await startUsedRedis(t);
    const store = `redis: { url: "${redis.url}", ${patience}, grace: 300ms }`;
    const { logOut } = await start(t, `denylist: { dataDir: data, ${store} }`);
    await redis.kill();
    const reply = await logOut({ token: makeToken() });
    assert.equal(reply.status, 503);
    assert.equal(reply.headers["set-cookie"], undefined);
  });
});

describe("the setting of a logout", () => {
  it("is a path of its own, and names no segments", () => {
    const tokens = { keys: [{ publicKeyFile: "a.pem" }] };
    const isUsable = (logout: object) => configSchema.safeParse({ tokens, logout }).success;
    assert.ok(isUsable({ path: "/bye", alsoRevoke: [{ cookie: "refresh" }] }));
    for (const path of ["/bye/*", "/bye/{token}", "bye", "/a/../b"]) {
      assert.ok(!isUsable({ path }), path);
    }
    assert.ok(!isUsable({ path: "/bye", alsoRevoke: [{ path: "token" }] }));
    assert.ok(!isUsable({ path: "/bye", redirect: "//elsewhere.example" }));
  });
});

describe("texts of one route", () => {
  it("go before all others, in the languages that they have", async (t) => {
    const { gate, logOut } = await start(t);
    const message = async (path: string, headers: Record<string, string> = {}) =>
      (await send(`${gate.url}${path}`, { headers })).json["message"];
    const zh = { "accept-language": "zh" };
    assert.equal(await message("/articles", zh), "请先登录");
    assert.equal(await message("/articles"), "Missing.");
    assert.equal(await message("/me", zh), "Missing.");
    const token = makeToken();
    await logOut({ token });
    assert.equal(await message("/articles", { token }), "Gone.");
    assert.equal(await message("/me", { token }), "Please log in again.");
    const problem = { token, accept: "application/problem+json" };
    const { text } = await send(`${gate.url}/articles`, { headers: problem });
    assert.equal(JSON.parse(text).detail, "Gone.");
  });
});
