import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { launchChromium } from "../helpers/chromium.ts";
import { startRedis } from "../helpers/redis.ts";
import { endWithAll } from "../helpers/shared.ts";
import { until } from "../helpers/until.ts";
import { call, standings } from "./call.ts";
import {
  admin,
  connectDirectus,
  loadSdk,
  openSocket,
  startDirectus,
} from "./directus-application.ts";
import { logInToPage } from "./directus-page.ts";
import { exampleConfig, startSidecar } from "./sidecars.ts";

const secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
const lives = ["lives", "lives"];
const revoked = ["token_revoked", "token_revoked"];

describe("Directus behind two revgates", () => {
  const t = endWithAll();
  const started = startPair();

  async function startPair() {
    const upstream = await startDirectus(t, secret);
    const redis = await startRedis(t);
    const place = { upstream, secret, redisUrl: redis.url };
    const yaml = exampleConfig("directus");
    const urls = await Promise.all([startSidecar(t, yaml, place), startSidecar(t, yaml, place)]);
    const [first = "", second = ""] = urls;
    const access = (token: string) => standings(urls, "/users/me", { token });
    const refreshed = (token: string) =>
      standings(urls, "/auth/refresh", { method: "POST", body: { refresh_token: token } });
    const graphql = (query: string, token?: string) =>
      call(first, "/graphql/system", { method: "POST", token, body: { query } });
    const session = (cookie: string) => standings(urls, "/users/me", { cookie });
    return { upstream, urls, first, second, access, refreshed, session, graphql };
  }

  /** A device that has logged in with the SDK, with a token that no other has: they have no jti. */
  const handedOut = new Set<string>();
  async function logIn(url: string, password = admin.password) {
    const client = connectDirectus(t, url);
    for (;;) {
      const pair = await client.login(admin.email, password);
      if (handedOut.has(pair.access_token)) continue;
      handedOut.add(pair.access_token);
      return { client, access: pair.access_token, refresh: pair.refresh_token };
    }
  }

  it("logs one device out of two by the SDK, which sends the refresh token alone, with its socket", async () => {
    const { first, second, access, refreshed } = await started;
    const sdk = loadSdk();
    const [phone, laptop] = [await logIn(first), await logIn(second)];
    const isKey = { is_primary_key: true, has_auto_increment: true };
    const fields = [
      { field: "id", type: "integer", schema: isKey },
      { field: "title", type: "string", schema: {} },
    ];
    const articles = { collection: "articles", schema: {}, fields };
    await laptop.client.request(sdk.createCollection(articles));
    await phone.client.request(sdk.createItem("articles", { title: "Teapots" }));
    const form = new FormData();
    form.append(
      "file",
      new Blob(["x".repeat(300_000)], { type: "application/octet-stream" }),
      "x.bin",
    );
    const { id } = await phone.client.request<{ id: string }>(sdk.uploadFiles(form));
    const bytes = await laptop.client.request<ArrayBuffer>(sdk.readAssetArrayBuffer(id));
    assert.equal(bytes.byteLength, 300_000);
    const found = await phone.client.query("{ articles { title } }");
    assert.deepEqual(found["articles"], [{ title: "Teapots" }]);

    const sockets = await Promise.all(
      [phone, laptop].map(async ({ client }) => {
        const seen: (number | string)[] = [];
        client.onWebSocket("close", ({ code }) => seen.push(code));
        await client.connect();
        const { subscription } = await client.subscribe("articles", { query: {} });
        assert.equal((await subscription.next()).value?.event, "init");
        return { seen, subscription };
      }),
    );
    const [cut, open] = sockets;
    const renewed = await phone.client.refresh();
    assert.deepEqual(await access(renewed.access_token), lives);

    await phone.client.logout();
    for (const token of [phone.access, renewed.access_token]) {
      assert.deepEqual(await access(token), revoked);
    }
    for (const token of [phone.refresh, renewed.refresh_token]) {
      assert.deepEqual(await refreshed(token), revoked);
    }
    await until(() => cut?.seen.length === 1);
    assert.deepEqual(cut?.seen, [4401]);
    assert.deepEqual(await access(laptop.access), lives);
    await laptop.client.request(sdk.createItem("articles", { title: "More" }));
    assert.equal((await open?.subscription.next())?.value?.event, "create");
    assert.deepEqual(open?.seen, []);
    const again = await logIn(second);
    assert.deepEqual(await access(again.access), lives);
  });

  it("logs in and out by GraphQL", async () => {
    const { second, access, graphql } = await started;
    const laptop = await logIn(second);
    const login = `mutation { auth_login(email: "${admin.email}", password: "${admin.password}") { access_token refresh_token } }`;
    let pair = { access_token: laptop.access, refresh_token: "" };
    while (handedOut.has(pair.access_token)) {
      const { json } = await graphql(login);
      pair = (json["data"] as Record<string, typeof pair>)["auth_login"] ?? pair;
    }
    handedOut.add(pair.access_token);
    const wrong = await graphql("mutation { auth_logout(refresh_token: 7) }", pair.access_token);
    assert.notEqual(wrong.json["errors"], undefined);
    assert.deepEqual(await access(pair.access_token), lives);
    const logout = `mutation { auth_logout(refresh_token: "${pair.refresh_token}") }`;
    assert.deepEqual((await graphql(logout, pair.access_token)).json, {
      data: { auth_logout: true },
    });
    assert.deepEqual(await access(pair.access_token), revoked);
    assert.deepEqual(await access(laptop.access), lives);
  });

  it("refreshes no revoked token by GraphQL, nor by a message that has a live one, too", async () => {
    const { first, second, access, refreshed, graphql } = await started;
    const [phone, laptop] = [await logIn(first), await logIn(second)];
    const changed = await graphql(
      'mutation { update_users_me(data: { description: "Tea" }) { id } }',
      laptop.access,
    );
    assert.notEqual(changed.json["data"], undefined, changed.text);
    // Directus itself would still take it.
    assert.deepEqual(await refreshed(phone.refresh), revoked);
    assert.deepEqual(await access(phone.access), revoked);
    assert.deepEqual(await access(laptop.access), lives);
    const refresh = `mutation { auth_refresh(refresh_token: "${phone.refresh}") { access_token } }`;
    for (const token of [undefined, laptop.access]) {
      const { status, json } = await graphql(refresh, token);
      assert.deepEqual([status, json["error"]], [400, "request_ambiguous"]);
    }
    const message = { type: "auth", access_token: laptop.access };
    const mixed = openSocket(t, first);
    mixed.socket.on("open", () => {
      mixed.socket.send(JSON.stringify({ ...message, refresh_token: phone.refresh }));
    });
    assert.equal(await mixed.closed, 4401);
    assert.deepEqual(mixed.heard, []);
    const plain = openSocket(t, first);
    plain.socket.on("open", () => plain.socket.send(JSON.stringify(message)));
    await until(() => plain.heard.length === 1);
    assert.deepEqual(JSON.parse(plain.heard[0] ?? ""), { type: "auth", status: "ok" });
  });

  it("logs its admin page out in Chromium, with the cookie that was rotated, and no other browser", async () => {
    const { first, second, session } = await started;
    const browser: Browser = await launchChromium();
    t.after(() => browser.close());
    const [one, other] = [await logInToPage(browser, first), await logInToPage(browser, second)];
    const before = await one.cookie();
    const staying = await other.cookie();
    assert.deepEqual(await session(before), lives);
    // Its page refreshes the session first, and then logs out.
    const rotated = await one.logOut();
    assert.notEqual(rotated, before);
    for (const cookie of [before, rotated]) assert.deepEqual(await session(cookie), revoked);
    assert.deepEqual(await session(staying), lives);
    const again = await logInToPage(browser, first);
    assert.deepEqual(await session(await again.cookie()), lives);
  });

  it("leaves the device that changed the password, and ends all others, and lets the next login in", async () => {
    const { first, second, access, refreshed } = await started;
    const sdk = loadSdk();
    const [phone, laptop] = [await logIn(first), await logIn(second)];
    await laptop.client.request(sdk.updateMe({ theme_dark: "auto" }));
    assert.deepEqual(await access(phone.access), lives);
    await laptop.client.request(sdk.updateMe({ password: "looking glass" }));
    assert.deepEqual(await access(phone.access), revoked);
    assert.deepEqual(await refreshed(phone.refresh), revoked);
    assert.deepEqual(await access(laptop.access), lives);
    await laptop.client.refresh();
    const again = await logIn(first, "looking glass");
    assert.deepEqual(await access(again.access), lives);
  });
});
