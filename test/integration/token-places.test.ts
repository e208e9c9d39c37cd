import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const yaml = (more: string) => `
tokens:
  from:
    - { header: authorization, scheme: Bearer }
    - { header: authorization }
    - { cookie: access, scheme: Bearer }
    - { query: access_token }
    - { webSocketProtocol: bearer }
  keys: [ { publicKeyFile: public.pem } ]
  ${more}
routes:
  - { path: /logout, methods: [POST], revoke: token }
  - { path: "/-/user/token/{token}", methods: [DELETE], revoke: token, alsoRevoke: [ { path: token } ] }
  - { path: "/end/{token}", access: public, revoke: token, from: [ { path: token } ] }
  - { path: "/sign-out", methods: [POST], revoke: token, alsoRevoke: [ { form: refresh } ] }
  - { path: "/users/{id}", methods: [DELETE], revoke: subject, subjectFrom: { path: id } }
  - { path: /users, methods: [DELETE], revoke: subject, subjectFrom: { query: id } }
  - { path: /reset, access: public, revoke: subject, subjectFrom: { requestJson: /token, claim: /user/id } }
  - { path: /own, access: optional, revoke: subject, subjectFrom: carried }
  - { path: /articles/*, access: optional }
`;

/** A revgate before an application that remembers what it was asked. */
async function start(t: TestContext, more = "") {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    request.resume().on("end", () => response.end("ok"));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (_socket, request) => seen.push(request));
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const gate = await startGate(t, { upstream, yaml: yaml(more) });
  const get = async (target: string, headers: Record<string, string> = {}, method = "GET") => {
    const reply = await send(`${gate.url}${target}`, { method, headers });
    return reply.status === 200 ? reply.text : String(reply.json["error"]);
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const isLive = async (token: string) => (await get("/me", bearer(token))) === "ok";
  return { gate, seen, get, bearer, isLive };
}

describe("a token", () => {
  it("is read wherever clients send it, and dead in each place when it has been revoked", async (t) => {
    const { get, bearer } = await start(t);
    const token = makeToken();
    const places: [target: string, headers: Record<string, string>][] = [
      ["/me", bearer(token)],
      ["/me", { authorization: token }],
      ["/me", { cookie: `access="Bearer ${token}"` }],
      ["/me", { cookie: `access=Bearer%20${token}` }],
      [`/me?a=b&access_token=${token}`, {}],
      ["/me", { "sec-websocket-protocol": `bearer, ${token}` }],
    ];
    for (const [target, headers] of places) assert.equal(await get(target, headers), "ok");
    const other = makeToken({ sub: "other" });
    assert.equal(await get(`/me?access_token=${other}`, bearer(token)), "token_ambiguous");
    assert.equal(await get("/articles/1", { cookie: "access=Basic x" }), "token_invalid");
    assert.equal(await get("/articles/1?access_token=x"), "token_invalid");
    assert.equal(await get("/articles/1?other=x"), "ok");
    assert.equal(await get(`/logout?access_token=${token}`, {}, "POST"), "ok");
    for (const [target, headers] of places) {
      assert.equal(await get(target, headers), "token_revoked");
    }
  });

  it("in the path is ended, and no log shows it, whatever it looks like", async (t) => {
    const { gate, get, bearer, isLive } = await start(t);
    const [own, other] = [makeToken(), makeToken({ sub: "other" })];
    assert.equal(await get(`/-/user/token/${other}`, bearer(own), "DELETE"), "ok");
    assert.deepEqual([await isLive(own), await isLive(other)], [false, false]);
    const third = makeToken({ sub: "third" });
    assert.equal(await get(`/End/${third}/`, bearer(third), "POST"), "ok");
    assert.equal(await isLive(third), false);
    const secret = "hunter2";
    await get(`/-/user/token/${secret}`, {}, "GET");
    await get(`/end/${secret};x`);
    await get(`/end/${secret}%2Fx`);
    await get(`/me?access_token=${secret}`);
    const raw = await openRaw(t, gate.port);
    raw.write(`GET /end/${secret}\\ HTTP/1.1\r\nHost: a\r\n\r\n`);
    await raw.untilClosed();
    const logged = gate.logged();
    assert.match(logged, /"path":"\/-\/user\/token\/\[token\]"/);
    for (const text of [secret, own, other, third]) assert.ok(!logged.includes(text), text);
  });

  it("in a multipart form ends with the one that is carried", async (t) => {
    const { gate, bearer, isLive } = await start(t);
    const [own, refresh] = [makeToken(), makeToken({ sub: "refresh" })];
    const post = (fields: [string, string][]) => {
      const body = new FormData();
      for (const [name, value] of fields) body.append(name, value);
      return fetch(`${gate.url}/sign-out`, { method: "POST", headers: bearer(own), body });
    };
    const twice = await post([
      ["refresh", refresh],
      ["Refresh", "x"],
    ]);
    assert.equal(twice.status, 401);
    assert.deepEqual([await isLive(own), await isLive(refresh)], [true, true]);
    assert.equal(
      (
        await post([
          ["a", "b"],
          ["refresh", refresh],
        ])
      ).status,
      200,
    );
    assert.deepEqual([await isLive(own), await isLive(refresh)], [false, false]);
  });

  it("reaches the application as it was sent, or not at all with forwardCredential: false", async (t) => {
    const token = makeToken();
    const target = `/me?a=%41&access_token=${token}&Access%5Ftoken=&b`;
    const as = await start(t);
    await as.get(`/me?a=%41&access_token=${token}&b`);
    assert.equal(as.seen[0]?.url, `/me?a=%41&access_token=${token}&b`);
    const without = await start(t, "forwardCredential: false");
    assert.equal(await without.get(target), "token_ambiguous");
    await without.get(`/articles/1?Access_token=`);
    await without.get(`/me?a=%41&access_token=${token}&b`);
    await without.get(`/me?access_token=${token}`);
    await without.get("/me", { cookie: `a=b; access=Bearer ${token}` });
    assert.deepEqual(without.seen.map(({ url }) => url).slice(-3), ["/me?a=%41&b", "/me", "/me"]);
    assert.equal(without.seen.at(-1)?.headers.cookie, "a=b");
  });

  it("of a WebSocket in query or subprotocol is checked, and the connection cut with it", async (t) => {
    const { gate, seen, get, bearer } = await start(t, "forwardCredential: false");
    const token = makeToken();
    const open = (query: string, protocols: string[]) => {
      const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/live${query}`, protocols);
      t.after(() => socket.terminate());
      socket.on("error", () => {});
      return socket;
    };
    const sockets = [open("", ["bearer", token]), open(`?access_token=${token}`, [])];
    await Promise.all(sockets.map((socket) => once(socket, "open")));
    assert.equal(sockets[0]?.protocol, "bearer");
    assert.deepEqual(
      seen.map(({ url }) => url),
      ["/live", "/live"],
    );
    assert.ok(!JSON.stringify(seen.map(({ rawHeaders }) => rawHeaders)).includes(token));
    const refused = open("", ["graphql-ws"]);
    const [, answer] = (await once(refused, "unexpected-response")) as [unknown, IncomingMessage];
    assert.equal(answer.statusCode, 401);
    const closed = Promise.all(sockets.map((socket) => once(socket, "close")));
    await get("/logout", bearer(token), "POST");
    assert.deepEqual(
      (await closed).map(([code]) => code),
      [4401, 4401],
    );
  });
});

describe("subjectFrom", () => {
  it("names the subject by path, by query, and by a claim of a token in the body", async (t) => {
    const { gate, get, bearer, isLive } = await start(t);
    const admin = makeToken({ sub: "admin" });
    const [a, b, c] = [
      makeToken({ sub: "Ann b" }),
      makeToken({ sub: "42" }),
      makeToken({ sub: "c" }),
    ];
    assert.equal(await get("/USERS/Ann%20b", bearer(admin), "DELETE"), "ok");
    assert.equal(await get("/users?id=42", bearer(admin), "DELETE"), "ok");
    const body = JSON.stringify({ token: makeToken({ user: { id: "c" } }) });
    const headers = { "content-type": "application/json" };
    await send(`${gate.url}/reset`, { method: "POST", headers, body });
    assert.deepEqual(await Promise.all([a, b, c, admin].map(isLive)), [false, false, false, true]);
    assert.match(
      (await send(`${gate.adminUrl}/metrics`)).text,
      /^revgate_subjects_not_found_total 0$/m,
    );
    // Whom nobody can tell is counted, and ends nobody.
    assert.equal(await get("/users?id=admin&id=x", bearer(admin), "DELETE"), "ok");
    await send(`${gate.url}/reset`, { method: "POST", headers, body: '{"token":"a.b.c"}' });
    assert.equal(await isLive(admin), true);
    assert.match(
      (await send(`${gate.adminUrl}/metrics`)).text,
      /^revgate_subjects_not_found_total 2$/m,
    );
  });

  it("carried tells of requests that carry none", async (t) => {
    const { gate, get, bearer, isLive } = await start(t);
    const [one, two] = [makeToken({ sub: "d" }), makeToken({ sub: "d", jti: "x" })];
    assert.equal(await get("/own", bearer(one)), "ok");
    assert.deepEqual([await isLive(one), await isLive(two)], [false, false]);
    assert.equal(await get("/own"), "ok");
    assert.match(
      (await send(`${gate.adminUrl}/metrics`)).text,
      /^revgate_subjects_not_found_total 1$/m,
    );
  });
});
