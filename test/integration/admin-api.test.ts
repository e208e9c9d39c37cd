import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

const secret = "an-admin-secret-for-tests";
const bearer = { authorization: `Bearer ${secret}` };

async function start(t: TestContext, yaml = "", admin = ""): Promise<TestGate> {
  const application = await startApplication(t);
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "admin-token"), `${secret}\n`);
  return startGate(t, {
    upstream: application.url,
    directory,
    yaml: `admin: { host: 127.0.0.1, port: 0, tokenFile: admin-token${admin} }\n${yaml}`,
  });
}

function post(
  gate: TestGate,
  path: string,
  body: string | Record<string, unknown>,
  headers: Record<string, string> = bearer,
) {
  const [type, text] =
    typeof body === "string"
      ? ["application/x-www-form-urlencoded", body]
      : ["application/json", JSON.stringify(body)];
  return send(`${gate.adminUrl}${path}`, {
    method: "POST",
    headers: { "content-type": type, ...headers },
    body: text,
  });
}

async function statusOf(gate: TestGate, token: string): Promise<number> {
  return (await send(`${gate.url}/me`, { headers: { token } })).status;
}

describe("RFC 7009 revocation", () => {
  it("revokes the token, and answers 200 to one that is none", async (t) => {
    const gate = await start(t);
    const token = makeToken();
    const reply = await post(gate, "/revoke", `token=${token}&token_type_hint=access_token`);
    assert.equal(reply.status, 200);
    assert.equal(await statusOf(gate, token), 401);
    // Section 2.2: the purpose of the request is reached already.
    assert.equal((await post(gate, "/revoke", "token=nonsense")).status, 200);
    assert.equal((await post(gate, "/revoke", `token=${token}`)).status, 200);
  });

  it("reads the example of section 2.1, whose token is opaque", async (t) => {
    const gate = await start(
      t,
      "routes: [ { path: /refresh, from: [ { cookie: r } ], tokens: opaque } ]",
    );
    const refresh = async () =>
      (await send(`${gate.url}/refresh`, { headers: { cookie: "r=45ghiukldjahdnhzdauz" } })).status;
    assert.equal(await refresh(), 200);
    const example = "token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token";
    assert.equal((await post(gate, "/revoke", example)).status, 200);
    assert.equal(await refresh(), 401);
  });

  const wrong: [string, string, string][] = [
    ["no token", "token_type_hint=access_token", "invalid_request"],
    ["an empty token", "token=", "invalid_request"],
    ["two tokens", "token=a&token=b", "invalid_request"],
  ];
  for (const [what, body, error] of wrong) {
    it(`refuses ${what}`, async (t) => {
      const reply = await post(await start(t), "/revoke", body);
      assert.deepEqual([reply.status, reply.json["error"]], [400, error]);
    });
  }
});

describe("RFC 7662 introspection", () => {
  it("tells the claims of a token that would be let through, and nothing of any other", async (t) => {
    const gate = await start(t);
    const claims = {
      sub: "Z5O3upPC88QrAjx00dis",
      client_id: "l238j323ds-23ij4",
      scope: "read write",
    };
    const token = makeToken({ ...claims, extension_field: "twenty-seven" });
    const reply = await post(gate, "/introspect", `token=${token}`);
    assert.equal(reply.json["active"], true);
    for (const [name, value] of Object.entries(claims)) assert.equal(reply.json[name], value);
    assert.equal(typeof reply.json["exp"], "number");
    assert.equal(reply.headers["cache-control"], "no-store");

    const now = Math.floor(Date.now() / 1000);
    const dead = [
      "mF_9.B5f-4.1JqM",
      `${token.slice(0, -8)}AAAAAAAA`,
      makeToken({ iat: now - 100, exp: now - 50 }),
    ];
    for (const each of dead) {
      assert.deepEqual((await post(gate, "/introspect", `token=${each}`)).json, { active: false });
    }
    await post(gate, "/revoke", `token=${token}`);
    assert.deepEqual((await post(gate, "/introspect", `token=${token}`)).json, { active: false });
  });
});

describe("POST /explain", () => {
  it("says of each check whether a token passes, the denylist by what it was revoked, and keeps nothing", async (t) => {
    const gate = await start(t);
    const token = makeToken({ sub: "dora" });
    const explain = async (credential: string) => {
      const { json } = await post(gate, "/explain", `token=${credential}`);
      const checks = json["checks"] as { check: string; verdict: string; detail: string }[];
      const failed = checks.find(({ verdict }) => verdict === "failed");
      return {
        passes: json["passes"],
        failed: failed && `${failed.check}: ${failed.detail}`,
        json,
      };
    };
    const live = await explain(token);
    assert.deepEqual([live.passes, live.failed], [true, undefined]);
    assert.equal((live.json["payload"] as { sub: string }).sub, "dora");
    assert.match(
      (await send(`${gate.adminUrl}/metrics`)).text,
      /^revgate_signature_checks_total 0$/m,
    );

    await post(gate, "/revoke", `token=${token}`);
    assert.equal((await explain(token)).failed, "denylist: revoked by tok");
    const another = makeToken({ sub: "dora", iat: Math.floor(Date.now() / 1000) - 5 });
    await post(gate, "/revocations", { subject: "dora" });
    const second = await explain(another);
    assert.deepEqual([second.passes, second.failed], [false, "denylist: revoked by sub"]);
    assert.match(String((await explain("nonsense")).failed), /^form: /);
    assert.ok(!gate.logged().includes(token));
  });
});

describe("POST /revocations", () => {
  it("ends a subject's tokens, a session's, or one by its jti, on every sidecar", async (t) => {
    const redis = await startUsedRedis(t);
    const store = `denylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms } }`;
    const [one, two] = await Promise.all([start(t, store), start(t, store)]);
    for (const gate of [one, two]) await untilReady(gate);
    const cases: [Record<string, string>, string, string][] = [
      [{ subject: "carol" }, makeToken({ sub: "carol" }), makeToken({ sub: "dave" })],
      [{ sid: "s-1" }, makeToken({ sid: "s-1" }), makeToken({ sid: "s-2" })],
      [{ jti: "j-1" }, makeToken({ jti: "j-1" }), makeToken({ jti: "j-2" })],
    ];
    for (const [whose, token, other] of cases) {
      const reply = await post(one, "/revocations", whose);
      assert.equal(reply.status, 201, reply.text);
      assert.match(String(reply.json["id"]), /^[\w-]{43}$/);
      for (const gate of [one, two]) {
        assert.deepEqual([await statusOf(gate, token), await statusOf(gate, other)], [401, 200]);
      }
    }
    assert.equal(await statusOf(two, makeToken({ sub: "carol" })), 200, "a login afterwards");
    const { text } = await send(`${one.adminUrl}/metrics`);
    for (const kind of ["sub", "sid", "jti"]) {
      assert.ok(text.includes(`revgate_revocations_total{trigger="command",kind="${kind}"} 1`));
    }
  });

  it("wants the issuer where there are several", async (t) => {
    const tokens = `
tokens:
  issuer: https://one
  keys: [ { publicKeyFile: public.pem } ]
  issuers: [ { issuer: "https://two", keys: [ { publicKeyFile: public.pem } ] } ]`;
    const gate = await start(t, tokens);
    const [one, two] = ["https://one", "https://two"].map((iss) => makeToken({ iss }));
    for (const whose of [{ subject: "alice" }, { subject: "alice", issuer: "https://x" }]) {
      const reply = await post(gate, "/revocations", whose);
      assert.deepEqual([reply.status, reply.json["error"]], [400, "invalid_request"]);
      assert.match(reply.text, /https:\/\/one, https:\/\/two/);
    }
    await post(gate, "/revocations", { subject: "alice", issuer: "https://two" });
    assert.deepEqual(
      [await statusOf(gate, one ?? ""), await statusOf(gate, two ?? "")],
      [200, 401],
    );
  });

  it("refuses what names nothing, or two things", async (t) => {
    const gate = await start(t);
    const wrong = [
      ...[{}, { subject: "" }, { subject: 1.5 }, { subject: 1e300 }, { subject: true }],
      ...[{ subject: null }, { subject: ["a"] }, { subject: "a", sid: "b" }, { user: "a" }],
    ];
    for (const body of wrong) assert.equal((await post(gate, "/revocations", body)).status, 400);
    assert.equal((await post(gate, "/revocations", "subject=a")).status, 415);
    const headers = { ...bearer, "content-type": "application/json" };
    assert.equal((await post(gate, "/revocations", "[1", headers)).status, 400);
    assert.equal((await post(gate, "/revocations", { subject: "x".repeat(70_000) })).status, 413);
  });

  it("is listed page by page", async (t) => {
    // Each under one name.
    const gate = await start(t, "denylist: { dataDir: data, formerNames: false }");
    for (let i = 0; i < 5; i += 1) await post(gate, "/revocations", { jti: `j${i}` });
    const list = async (query: string) =>
      (await send(`${gate.adminUrl}/revocations${query}`, { headers: bearer })).json as {
        revocations: { id: string }[];
        next: number | null;
      };
    const seen: string[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page: { revocations: { id: string }[]; next: number | null } = await list(
        `?limit=2&after=${after}`,
      );
      seen.push(...page.revocations.map(({ id }) => id));
      assert.ok(page.revocations.length <= 2);
      after = page.next;
    }
    assert.equal(new Set(seen).size, 5);
    const reply = await send(`${gate.adminUrl}/revocations?limit=5000`, { headers: bearer });
    assert.equal(reply.status, 400);
  });
});

describe("POST /sessions", () => {
  it("counts what was seen of a subject, and names nothing", async (t) => {
    const gate = await start(t);
    const count = async (body: Record<string, unknown>) => {
      const { status, text } = await post(gate, "/sessions", body);
      return { status, ...JSON.parse(text) };
    };
    const none = { tokens: { live: 0, revoked: 0 }, sessions: 0, connections: 0 };
    assert.deepEqual(await count({ subject: "dora" }), { status: 200, ...none });
    const tokens = [
      makeToken({ sub: "dora", sid: "one" }),
      makeToken({ sub: "dora", sid: "one" }),
      makeToken({ sub: "dora", sid: "two" }),
      makeToken({ sub: "dora" }),
      makeToken({ sub: "emil", sid: "one" }),
    ];
    const expired = makeToken({ sub: "dora", iat: 1, exp: 2 });
    for (const token of [...tokens, expired]) await send(`${gate.url}/me`, { headers: { token } });
    await send(`${gate.url}/logout`, { method: "POST", headers: { token: tokens[2] ?? "" } });
    const counted = { tokens: { live: 3, revoked: 1 }, sessions: 2, connections: 0 };
    assert.deepEqual(await count({ subject: "dora" }), { status: 200, ...counted });
    await post(gate, "/revocations", { sid: "one" });
    const left = { tokens: { live: 1, revoked: 3 }, sessions: 1, connections: 0 };
    assert.deepEqual(await count({ subject: "dora" }), { status: 200, ...left });
    assert.equal((await count({ sid: "one" })).error_description, 'expected "subject"');
    assert.equal((await count({ subject: "dora", issuer: "x" })).status, 400);
  });
});

describe("the admin API", () => {
  it("answers nobody without the secret, and is not there without one", async (t) => {
    const gate = await start(t);
    const token = makeToken();
    for (const authorization of [
      "",
      "Bearer wrong",
      `Basic ${secret}`,
      `Bearer ${secret}x`,
      "Bearer",
    ]) {
      const reply = await post(gate, "/revoke", `token=${token}`, { authorization });
      assert.equal(reply.status, 401);
      assert.match(String(reply.headers["www-authenticate"]), /^Bearer /);
    }
    assert.equal(await statusOf(gate, token), 200);
    const bare = await startGate(t, { upstream: "http://127.0.0.1:1" });
    assert.equal((await post(bare, "/revoke", `token=${token}`)).status, 405);
    assert.equal((await send(`${bare.adminUrl}/openapi.json`)).status, 404);
  });

  it("answers so many requests a second, and no more", async (t) => {
    const gate = await start(t, "", ", requestsPerSecond: 3");
    const statuses: number[] = [];
    for (let i = 0; i < 30; i += 1)
      statuses.push((await post(gate, "/introspect", "token=x")).status);
    assert.ok(statuses.includes(429));
    assert.deepEqual(new Set(statuses), new Set([200, 429]));
    await sleep(500);
    assert.equal((await post(gate, "/introspect", "token=x")).status, 200);
  });

  it("says in the log who ended what, and never a credential", async (t) => {
    const gate = await start(t);
    const token = makeToken();
    await post(gate, "/revoke", `token=${token}`);
    await post(gate, "/revocations", { subject: "carol" });
    await post(gate, "/revoke", `token=${token}`, { authorization: "Bearer wrong-secret" });
    const audits = gate
      .logged()
      .split("\n")
      .flatMap((line) => (line.includes('"audit"') ? [JSON.parse(line).audit] : []));
    assert.deepEqual(
      audits.map(({ action, status, error }) => [action, status, error]),
      [
        ["POST /revoke", 200, undefined],
        ["POST /revocations", 201, undefined],
        ["POST /revoke", 401, "invalid_token"],
      ],
    );
    assert.match(audits[0].names[0], /^tok:[\w-]{43}$/);
    assert.match(audits[1].names[0], /^sub:[\w-]{43}$/);
    for (const hidden of [token, secret, "wrong-secret"])
      assert.ok(!gate.logged().includes(hidden));
  });

  it("is described by a document that says no less and no more", async (t) => {
    const gate = await start(
      t,
      `tokens: { issuer: "https://id", keys: [ { publicKeyFile: public.pem } ] }
signals:
  backchannelLogout: [ { audience: shop } ]
  transmitters: [ { issuer: "https://id", audience: shop } ]`,
    );
    const { paths } = (await send(`${gate.adminUrl}/openapi.json`)).json as {
      paths: Record<string, Record<string, { responses: object; security?: [] }>>;
    };
    const now = Math.floor(Date.now() / 1000);
    const [iss, aud, jti] = ["https://id", "shop", "1"];
    const logout = { "http://schemas.openid.net/event/backchannel-logout": {} };
    const logoutToken = makeToken({ iss, aud, jti, events: logout });
    const event = makeToken(
      { iss, aud, jti, iat: now, exp: undefined, sub: undefined, events: {} },
      { header: { typ: "secevent+jwt" } },
    );
    const bodies: Record<string, string | Record<string, unknown> | undefined> = {
      "post /revoke": "token=x",
      "post /introspect": "token=x",
      "post /explain": "token=x",
      "post /sessions": { subject: "carol", issuer: iss },
      "post /revocations": { subject: "carol", issuer: iss },
      "post /backchannel-logout": `logout_token=${logoutToken}`,
      "post /events": event,
    };
    const types: Record<string, Record<string, string>> = {
      "/events": { "content-type": "application/secevent+jwt" },
    };
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({ path, method, ...operation })),
    );
    for (const { path, method, responses, security } of described) {
      const url = `${gate.adminUrl}${path}`;
      const body = bodies[`${method} ${path}`];
      const right =
        body === undefined
          ? await send(url, { method: method.toUpperCase(), headers: bearer })
          : await post(gate, path, body, { ...bearer, ...types[path] });
      assert.ok(right.status < 300 && String(right.status) in responses, `${method} ${path}`);
      const empty = await send(url, { method: method.toUpperCase() });
      assert.ok(String(empty.status) in responses);
      assert.equal(empty.status, security === undefined ? 401 : 415);
    }
    const own = ["/revoke", "/introspect", "/explain", "/sessions", "/revocations", "/drain"];
    const all = [...own, "/backchannel-logout", "/events"];
    assert.deepEqual(Object.keys(paths).sort(), all.sort());
  });
});
