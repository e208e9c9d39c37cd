import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import jsonwebtoken from "jsonwebtoken";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken, spellingsOf } from "../helpers/tokens.ts";

const routes = `
routes:
  - { path: /refresh, methods: [POST], from: [ { cookie: refresh } ], tokens: opaque }
  - path: /logout
    methods: [POST]
    revoke: token
    alsoRevoke: [ { cookie: refresh, lifetime: 60d }, { header: x-device-token } ]
    expired: forward
    revoked: forward
  - { path: /strict-logout, methods: [POST], revoke: token }`;

async function start(t: TestContext) {
  const application = await startApplication(t, (request, response) => {
    response.statusCode = request.headers["x-fails"] === undefined ? 200 : 400;
    response.end("ok");
  });
  return { application, gate: await startGate(t, { upstream: application.url, yaml: routes }) };
}

async function post(gate: TestGate, path: string, headers: Record<string, string>) {
  const reply = await send(`${gate.url}${path}`, { method: "POST", headers });
  return reply.status === 200 ? 200 : `${reply.status} ${reply.json["error"]}`;
}

describe("a pair of tokens", () => {
  const opaque = "opaque-refresh-token-123";

  it("ends together: the refresh token is refused where it is used", async (t) => {
    const { gate } = await start(t);
    const refresh = makeToken({ typ: "refresh" });
    for (const cookie of [opaque, refresh]) {
      const headers = { cookie: `theme=dark; refresh=${cookie}` };
      assert.equal(await post(gate, "/refresh", headers), 200);
      const token = makeToken();
      assert.equal(await post(gate, "/logout", { token, ...headers }), 200);
      assert.equal(await post(gate, "/refresh", headers), "401 token_revoked");
      assert.equal(await post(gate, "/refresh", { cookie: "refresh=another" }), 200);
    }
  });

  it("ends together with a token in a header, and not where the application says no", async (t) => {
    const { gate } = await start(t);
    const [token, device] = [makeToken(), makeToken()];
    const headers = { token, "x-device-token": device };
    await send(`${gate.url}/logout`, { method: "POST", headers: { ...headers, "x-fails": "1" } });
    assert.equal((await send(`${gate.url}/me`, { headers: { token: device } })).status, 200);
    assert.equal(await post(gate, "/logout", headers), 200);
    assert.equal((await send(`${gate.url}/me`, { headers: { token: device } })).status, 401);
  });

  it("needs the refresh token where that is checked, whatever else comes", async (t) => {
    const { gate } = await start(t);
    assert.equal(await post(gate, "/refresh", { token: makeToken() }), "401 token_missing");
    assert.equal(await post(gate, "/REFRESH/", { token: makeToken() }), "401 token_missing");
    assert.equal(await post(gate, "/refresh;x", { token: makeToken() }), "400 request_ambiguous");
    const two = { cookie: "refresh=a; refresh=b" };
    assert.equal(await post(gate, "/refresh", two), "401 token_ambiguous");
    assert.equal(
      await post(gate, "/logout", { token: makeToken(), ...two }),
      "401 token_ambiguous",
    );
  });

  it("stays dead in every spelling that an application may accept", async (t) => {
    const { gate } = await start(t);
    const issuers = makeToken({ typ: "refresh" });
    const strangers = jsonwebtoken.sign(
      { sub: "alice" },
      "a secret of the application's own, unknown here",
    );
    const plain = "abc=def/ghi";
    for (const refresh of [issuers, strangers, plain]) {
      const cookie = `refresh=${encodeURIComponent(refresh)}`;
      assert.equal(await post(gate, "/refresh", { cookie }), 200);
      assert.equal(await post(gate, "/logout", { token: makeToken(), cookie }), 200);
    }
    const signature = (token: string) => token.slice(token.lastIndexOf(".") + 1);
    const respelled = [issuers, strangers].flatMap((token) => [
      ...spellingsOf(token),
      `${token}=`,
      `${token}==`,
      token.replace(signature(token), signature(token).replaceAll("-", "+").replaceAll("_", "/")),
      token.replaceAll(".", "%2E"),
      token.replace(/^e/, "%65"),
    ]);
    for (const text of [...respelled, plain, encodeURIComponent(plain), "%61bc%3ddef%2Fghi"]) {
      const answer = await post(gate, "/refresh", { cookie: `refresh=${text}` });
      assert.equal(answer, "401 token_revoked", text);
    }
    assert.equal(await post(gate, "/refresh", { cookie: "refresh=abc%3Ddef%2Fgh" }), 200);
  });

  it("is taken unseen only on the very path that says so", async (t) => {
    const { gate } = await start(t);
    const cookie = "refresh=anything";
    assert.equal(await post(gate, "/refresh", { cookie }), 200);
    // To an application that tells these apart, each is a protected path like any other.
    for (const path of ["/REFRESH", "/refresh/", "/Refresh"]) {
      assert.equal(await post(gate, path, { cookie }), "401 token_invalid", path);
    }
    const overridden = { cookie, "x-http-method-override": "DELETE" };
    assert.equal(await post(gate, "/refresh", overridden), "401 token_invalid");
  });

  it("cannot be used to end somebody else's token by its payload", async (t) => {
    const { gate } = await start(t);
    const victim = makeToken();
    const forged = `${victim.split(".").slice(0, 2).join(".")}.${"A".repeat(342)}`;
    const headers = { token: makeToken(), "x-device-token": forged, cookie: `refresh=${forged}` };
    assert.equal(await post(gate, "/logout", headers), 200);
    assert.equal((await send(`${gate.url}/me`, { headers: { token: victim } })).status, 200);
    const text = victim.split(".").slice(0, 2).join(".");
    await post(gate, "/logout", { token: makeToken(), cookie: `refresh=${text}` });
    assert.equal((await send(`${gate.url}/me`, { headers: { token: victim } })).status, 200);
  });
});

describe("a logout", () => {
  const now = Math.floor(Date.now() / 1000);

  it("is reached with an expired token where the rule says so, and nothing else is", async (t) => {
    const { gate } = await start(t);
    const token = makeToken({ iat: now - 100, exp: now - 50 });
    assert.equal(await post(gate, "/logout", { token, cookie: "refresh=r1" }), 200);
    assert.equal(await post(gate, "/refresh", { cookie: "refresh=r1" }), "401 token_revoked");
    for (const path of ["/strict-logout", "/me", "/LOGOUT", "/logout/"]) {
      assert.equal(await post(gate, path, { token }), "401 token_expired", path);
    }
    const forged = `${token.slice(0, -8)}AAAAAAAA`;
    assert.equal(await post(gate, "/logout", { token: forged }), "401 token_invalid");
  });

  it("answers the second time what the rule says", async (t) => {
    const { application, gate } = await start(t);
    const token = makeToken();
    assert.equal(await post(gate, "/logout", { token }), 200);
    assert.equal(await post(gate, "/logout", { token }), 200);
    assert.equal(application.seen.length, 2);
    assert.equal(await post(gate, "/strict-logout", { token }), "401 token_revoked");
    assert.equal(await post(gate, "/me", { token }), "401 token_revoked");
  });
});
