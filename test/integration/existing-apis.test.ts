import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const origin = "https://shop.example";
const preflight = {
  method: "OPTIONS",
  headers: {
    Origin: origin,
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "token",
  },
};

async function gateWith(t: TestContext, yaml: string) {
  const application = await startApplication(t, (request, response) => {
    response.end(String(request.headers["x-request-id"]));
  });
  const gate = await startGate(t, { upstream: application.url, yaml });
  return { application, gate };
}

describe("a CORS preflight", () => {
  it("is refused by default like everything without a token", async (t) => {
    const { gate, application } = await gateWith(t, "");
    const reply = await send(`${gate.url}/orders`, preflight);
    assert.equal(reply.json["error"], "token_missing");
    assert.equal(reply.headers["access-control-allow-origin"], undefined);
    assert.equal(application.seen.length, 0);
  });

  it("reaches the application with forward, and nothing else does", async (t) => {
    const { gate, application } = await gateWith(t, "cors: { preflight: forward }");
    assert.equal((await send(`${gate.url}/orders`, preflight)).status, 200);
    assert.equal(application.seen.length, 1);
    const { Origin, ...withoutOrigin } = preflight.headers;
    const others = [
      { method: "OPTIONS", headers: withoutOrigin },
      { method: "OPTIONS", headers: { Origin } },
      { method: "OPTIONS", headers: preflight.headers, body: "x" },
      { method: "GET", headers: preflight.headers },
      { method: "OPTIONS", headers: { ...preflight.headers, token: "a.b.c" } },
    ];
    for (const other of others) {
      assert.equal((await send(`${gate.url}/orders`, other)).status, 401);
    }
    assert.equal(application.seen.length, 1);
  });

  it("is answered with answer, for allowed origins", async (t) => {
    const yaml = `cors: { preflight: answer, allowOrigins: ["${origin}"], allowHeaders: [token, content-type], maxAge: 5m }`;
    const { gate, application } = await gateWith(t, yaml);
    const reply = await send(`${gate.url}/orders`, preflight);
    assert.equal(reply.status, 204);
    assert.equal(reply.headers["access-control-allow-origin"], origin);
    assert.equal(reply.headers["access-control-allow-methods"], "PUT");
    assert.equal(reply.headers["access-control-allow-headers"], "token, content-type");
    assert.equal(reply.headers["access-control-max-age"], "300");
    assert.match(reply.headers.vary ?? "", /Origin/);
    const headers = { ...preflight.headers, Origin: "https://evil.example" };
    assert.equal((await send(`${gate.url}/orders`, { ...preflight, headers })).status, 401);
    assert.equal(application.seen.length, 0);
  });
});

describe("refusals", () => {
  it("can be read by pages of allowed origins", async (t) => {
    const { gate } = await gateWith(
      t,
      `cors: { allowOrigins: ["${origin}"], allowCredentials: true }`,
    );
    const reply = await send(`${gate.url}/orders`, { headers: { Origin: origin } });
    assert.equal(reply.status, 401);
    assert.equal(reply.headers["access-control-allow-origin"], origin);
    assert.equal(reply.headers["access-control-allow-credentials"], "true");
    assert.match(reply.headers["access-control-expose-headers"] ?? "", /X-Request-Id/);
    const other = await send(`${gate.url}/orders`, { headers: { Origin: "https://evil.example" } });
    assert.equal(other.headers["access-control-allow-origin"], undefined);
  });

  it("can be read by pages of every subdomain, if that is allowed", async (t) => {
    const { gate } = await gateWith(t, "cors: { allowOrigins: ['https://*.shop.example'] }");
    for (const [from, allowed] of [
      ["https://a.shop.example", "https://a.shop.example"],
      ["https://shop.example", undefined],
      ["https://evil.example", undefined],
    ] as const) {
      const reply = await send(`${gate.url}/orders`, { headers: { Origin: from } });
      assert.equal(reply.headers["access-control-allow-origin"], allowed);
    }
  });

  it("take the shape that an API already has", async (t) => {
    const yaml = `errors:
  body: '{"code":\${status},"msg":\${message},"kind":\${error}}'
  messages: { token_missing: 'who are "you"?' }`;
    const { gate } = await gateWith(t, yaml);
    const reply = await send(`${gate.url}/orders`);
    assert.deepEqual(reply.json, { code: 401, msg: 'who are "you"?', kind: "token_missing" });
  });

  it("have the status and the codes that old clients know, in their language", async (t) => {
    const { gate } = await gateWith(
      t,
      `errors:
  language: auto
  status: 200
  codes: { token_revoked: 40101, token_missing: A0230 }
  body: '{"code":\${code},"msg":\${message},"id":\${requestId},"data":null}'`,
    );
    const ask = (headers: Record<string, string>) => send(`${gate.url}/me`, { headers });
    const missing = await ask({
      "accept-language": "zh-CN,zh;q=0.9,en;q=0.8",
      "x-request-id": "r1",
    });
    assert.deepEqual(missing.json, { code: "A0230", msg: "请先登录", id: "r1", data: null });
    assert.deepEqual(
      [missing.status, missing.headers["cache-control"], missing.headers["www-authenticate"]],
      [200, "no-store", undefined],
    );
    const other = await ask({ "accept-language": "fr", "x-request-id": "r2", token: "x" });
    assert.deepEqual(other.json, { code: 401, msg: "Token is not valid.", id: "r2", data: null });
    const problem = await ask({ accept: "application/problem+json, */*", "x-request-id": "r3" });
    assert.match(String(problem.headers["content-type"]), /^application\/problem\+json/);
    assert.deepEqual(problem.json, {
      ...{ type: "about:blank", title: "OK", status: 200, detail: "Token is missing." },
      ...{ error: "token_missing", code: "A0230", requestId: "r3" },
    });
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /^revgate_requests_total\{outcome="token_missing"\} 2$/m);
    const raw = await openRaw(t, gate.port);
    raw.write("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert.match(await raw.untilClosed(), /"code":"A0230"/);
  });

  it("send a browser that asks for a page to the login, and nobody else", async (t) => {
    const { gate } = await gateWith(
      t,
      `errors: { html: { redirect: /login, clearCookies: [session, refresh] } }`,
    );
    const page = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    const sent = await send(`${gate.url}/me`, { headers: { ...page, token: "x" } });
    assert.deepEqual([sent.status, sent.headers.location, sent.text], [302, "/login", ""]);
    assert.equal(sent.headers["cache-control"], "no-store");
    for (const [method, path, headers] of [
      ["POST", "/me", page],
      ["GET", "/me", { accept: "*/*" }],
      ["GET", "/me", {}],
      ["GET", "//me", page],
    ] as const) {
      const reply = await send(`${gate.url}${path}`, { method, headers });
      assert.ok(reply.status >= 400 && reply.headers["set-cookie"] === undefined, path);
    }
    const { status, headers } = await send(`${gate.url}/me`, {
      headers: { ...page, token: makeToken() },
    });
    assert.deepEqual([status, headers.location], [200, undefined]);
  });

  it("clear the cookie that holds the refused token, and no other", async (t) => {
    const { gate } = await gateWith(
      t,
      `
tokens:
  from: [ { header: token }, { query: access_token }, { cookie: session } ]
  keys: [ { publicKeyFile: public.pem } ]
errors: { html: { redirect: /login, clearCookies: [session, refresh] } }
`,
    );
    const cleared = async (cookie: string, path = "/me") => {
      const headers = { accept: "text/html", ...(cookie !== "" && { cookie }) };
      const reply = await send(`${gate.url}${path}`, { headers });
      assert.equal(reply.status, 302);
      return reply.headers["set-cookie"] ?? [];
    };
    const [revoked, live] = [makeToken(), makeToken()];
    const logout = { method: "POST", headers: { token: revoked } };
    assert.equal((await send(`${gate.url}/logout`, logout)).status, 200);
    const own = ["session=; Path=/; Max-Age=0"];
    assert.deepEqual(await cleared(`session=${revoked}; refresh=r`), own);
    assert.deepEqual(await cleared(`session="x"`), own);
    // What another site's link makes a browser send.
    assert.deepEqual(await cleared(""), []);
    assert.deepEqual(await cleared("refresh=r"), []);
    assert.deepEqual(await cleared("", "/me?access_token=junk"), []);
    assert.deepEqual(await cleared(`refresh=r`, "/me?access_token=junk"), []);
    assert.deepEqual(await cleared(`session=${live}`, "/me?access_token=junk"), []);
    assert.deepEqual(await cleared(`session=${live}; session=x`), []);
  });

  it("to HEAD have no body, and those to a kept-alive connection keep it", async (t) => {
    const { gate } = await gateWith(t, "");
    const raw = await openRaw(t, gate.port);
    raw.write(
      "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    const text = await raw.untilClosed();
    assert.equal(text.match(/token_missing/g)?.length, 1);
    assert.equal(text.match(/HTTP\/1\.1 401/g)?.length, 2);
  });
});

describe("X-Request-Id", () => {
  it("passes where it is given, is made where it is absent, and stands in refusals", async (t) => {
    const { gate } = await gateWith(t, "");
    const token = makeToken();
    const given = await send(`${gate.url}/a`, { headers: { token, "X-Request-Id": "abc-1" } });
    assert.equal(given.text, "abc-1");
    const made = await send(`${gate.url}/a`, { headers: { token } });
    assert.match(made.text, /^[0-9a-f-]{36}$/);
    const refused = await send(`${gate.url}/a`, { headers: { "X-Request-Id": "abc-2" } });
    assert.equal(refused.headers["x-request-id"], "abc-2");
  });

  it("is made anew where it could not stand in a log line", async (t) => {
    const { gate } = await gateWith(t, "");
    for (const id of ["a b", "x".repeat(200), '"}{"level":"info"']) {
      const headers = { token: makeToken(), "X-Request-Id": id };
      assert.match((await send(`${gate.url}/a`, { headers })).text, /^[0-9a-f-]{36}$/);
    }
  });
});

describe("logs and metrics", () => {
  it("never hold a credential, whatever becomes of the request", async (t) => {
    const yaml = `tokens:
  from: [ { header: token }, { header: authorization, scheme: Bearer }, { cookie: session } ]
  keys: [ { publicKeyFile: public.pem } ]`;
    const { gate } = await gateWith(t, yaml);
    const token = makeToken();
    const tokens = [
      token,
      makeToken({ iat: 1, exp: 2 }),
      `${token.slice(0, -20)}${"A".repeat(20)}`,
    ];
    for (const each of tokens) {
      await send(`${gate.url}/a?token=${each}`, { headers: { token: each } });
      await send(`${gate.url}/a`, { headers: { Authorization: `Bearer ${each}` } });
      await send(`${gate.url}/logout`, { method: "POST", headers: { Cookie: `session=${each}` } });
      await send(`${gate.url}/a`, { headers: { token: each } });
      const raw = await openRaw(t, gate.port);
      raw.write(`GET /a HTTP/1.1\r\nHost: a\r\ntoken: ${each}\r\nbad header\r\n\r\n`);
      await raw.untilClosed();
    }
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(gate.logged(), /"outcome":"token_revoked"/);
    for (const each of tokens) {
      for (const part of each.split(".").slice(1)) {
        assert.ok(!gate.logged().includes(part), "in the log");
        assert.ok(!text.includes(part), "in the metrics");
      }
    }
  });
});
