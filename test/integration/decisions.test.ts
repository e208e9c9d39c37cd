import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { startApplication } from "../helpers/application.ts";
import { prepareHeldSyncs } from "../helpers/broken-disk.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate, type TestGate, untilStartIsNoted } from "../helpers/gate.ts";
import { openRaw, type Sent, send } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const routes = `
routes:
  - { path: /login, methods: [POST], access: public }
  - { path: /articles/*, methods: [GET], access: optional }
  - { path: /logout, methods: [POST], revoke: token, alsoRevoke: [ { cookie: refresh } ] }
  - { path: /password, methods: [POST], revoke: subject }
  - { path: /all, methods: [POST], revoke: subject, revoked: forward, expired: forward }
  - { path: /out, methods: [POST], revoke: token, revoked: forward, expired: forward }
`;

/** Asks as a gateway does whether a request may pass. */
type Ask = (method: string, uri: string, sent?: Sent) => ReturnType<typeof send>;

async function start(t: TestContext, yaml = "", settings = "") {
  const application = await startApplication(t);
  const own = `decisions: { host: 127.0.0.1, port: 0${settings} }`;
  const gate = await startGate(t, {
    upstream: application.url,
    yaml: [own, /^routes:/m.test(yaml) ? "" : routes, yaml].join("\n"),
  });
  const url = `http://127.0.0.1:${gate.decisionsAddress?.port}`;
  const ask: Ask = (method, uri, { headers, ...sent } = {}) => {
    const forwarded = {
      "X-Forwarded-Method": method,
      "X-Forwarded-Uri": uri,
      "X-Forwarded-Host": "shop.example",
    };
    return send(url, { ...sent, headers: { ...forwarded, ...headers } });
  };
  return { application, gate, url, ask };
}

async function metric({ adminUrl }: TestGate, line: string): Promise<number> {
  const { text } = await send(`${adminUrl}/metrics`);
  const found = text.split("\n").find((each) => each.startsWith(`${line} `));
  return Number(found?.split(" ").at(-1));
}

describe("the gateways' port", () => {
  it("answers like the clients' port, and the application is not asked", async (t) => {
    const { application, gate, ask } = await start(t);
    const token = makeToken();
    const expired = makeToken({ exp: Math.floor(Date.now() / 1000) - 3600 });
    const cases: readonly [string, string, Record<string, string | string[]>][] = [
      ["GET", "/me", {}],
      ["GET", "/me", { token: "a.b.c" }],
      ["GET", "/me", { token: expired }],
      ["GET", "/me", { token: [token, token] }],
      ["GET", "//me", { token }],
      ["GET", "/me", { accept: "application/problem+json" }],
      ["GET", "/articles/1", { token: "a.b.c" }],
      ["GET", "/login", {}],
      ["TRACE", "/login", {}],
      ["POST", "/login", { "x-http-method-override": "DELETE" }],
    ];
    for (const [method, uri, headers] of cases) {
      const asked = await ask(method, uri, { headers });
      // Node's client has no body for TRACE; its parser knows the method.
      const direct = await send(gate.url + uri, { method, headers });
      assert.notEqual(asked.status, 200, `${method} ${uri}`);
      assert.equal(asked.status, direct.status);
      assert.equal(asked.headers["content-type"], direct.headers["content-type"]);
      assert.equal(asked.headers["www-authenticate"], direct.headers["www-authenticate"]);
      const { requestId: _one, ...body } = asked.json;
      const { requestId: _other, ...directBody } = direct.json;
      assert.deepEqual(body, directBody);
      assert.equal(asked.headers["x-revgate-error"], body["error"]);
      const inHeader = asked.headers["x-revgate-body"] as string;
      assert.equal(Buffer.from(inHeader, "latin1").toString(), asked.text);
    }
    for (const [method, uri, headers] of [
      ["GET", "/me?a=b", { token }],
      ["POST", "/login", {}],
      ["GET", "/articles/1", {}],
      ["HEAD", "/me", { token }],
    ] as const) {
      const asked = await ask(method, uri, { headers });
      assert.deepEqual([asked.status, asked.text], [200, ""], `${method} ${uri}`);
    }
    assert.deepEqual(application.seen, []);
    assert.equal(await metric(gate, 'revgate_requests_total{outcome="allowed"}'), 4);
    assert.match(gate.logged(), /"outcome":"allowed".*"path":"\/me"/);
    assert.doesNotMatch(gate.logged(), new RegExp(token.slice(-40)));
  });

  it("has revoked what a logout carries, on both ports, before it says yes", async (t) => {
    const { gate, ask } = await start(t);
    const [token, refresh] = [makeToken(), makeToken({ jti: "refresh" })];
    const headers = { token };
    const cookie = `refresh=${refresh}`;
    assert.equal((await ask("POST", "/logout", { headers: { token, cookie } })).status, 200);
    for (const dead of [token, refresh]) {
      const again = await ask("GET", "/me", { headers: { token: dead } });
      assert.deepEqual([again.status, again.json["error"]], [401, "token_revoked"]);
      assert.equal((await send(`${gate.url}/me`, { headers: { token: dead } })).status, 401);
    }
    assert.equal((await ask("POST", "/logout", { headers })).status, 401, "a second one");
    assert.equal((await ask("POST", "/out", { headers })).status, 200, "revoked: forward");
    const journal = readFileSync(join(gate.directory, "data/journal"), "latin1");
    assert.match(journal, /tok/);

    const [one, other] = [makeToken({ jti: "1" }), makeToken({ jti: "2" })];
    assert.equal((await ask("POST", "/password", { headers: { token: one } })).status, 200);
    assert.equal((await ask("GET", "/me", { headers: { token: other } })).status, 401);
  });

  it("ends nothing but itself by a token that is dead, nor does the clients' port", async (t) => {
    const { gate, ask } = await start(t);
    const now = Math.floor(Date.now() / 1000);
    const [stolen, over] = [
      makeToken({ sub: "alice", iat: now - 60 }),
      makeToken({ sub: "alice", iat: now - 7200, exp: now - 3600 }),
    ];
    assert.equal((await ask("POST", "/all", { headers: { token: stolen } })).status, 200);
    const owner = makeToken({ sub: "alice", iat: now + 2 });
    for (const token of [stolen, over]) {
      assert.equal((await ask("POST", "/all", { headers: { token } })).status, 200);
    }
    const direct = await send(`${gate.url}/all`, { method: "POST", headers: { token: stolen } });
    assert.equal(direct.status, 200);
    assert.equal((await ask("GET", "/me", { headers: { token: owner } })).status, 200);
  });

  it("says no if what a logout carries cannot be revoked", async (t) => {
    const { gate, ask } = await start(
      t,
      "denylist: { dataDir: data, redis: { url: redis://127.0.0.1:1 } }",
    );
    const refused = await ask("POST", "/logout", { headers: { token: makeToken() } });
    assert.equal(refused.status, 503);
    assert.equal(refused.headers["retry-after"], "1");
    assert.equal(refused.json["error"], "denylist_unavailable");
    assert.equal(await metric(gate, 'revgate_requests_total{outcome="allowed"}'), 0);
  });

  it("tells who it is, and nobody on a public route", async (t) => {
    const tokens =
      "tokens: { keys: [ { publicKeyFile: public.pem } ], forwardClaims: { sub: X-User-Id } }";
    const { ask } = await start(t, tokens);
    const headers = { token: makeToken({ sub: "zoë" }), "x-user-id": "root" };
    const told = await ask("GET", "/me", { headers });
    assert.deepEqual([told.status, told.headers["x-user-id"]], [200, "zo%C3%AB"]);
    assert.equal((await ask("POST", "/login", { headers })).headers["x-user-id"], undefined);
    assert.equal((await ask("GET", "/articles/1")).headers["x-user-id"], undefined);
    // The gateway would pass it on, and to some applications it is X-User-Id.
    for (const name of ["x_user_id", "X_User-Id"]) {
      const asked = await ask("GET", "/articles/1", { headers: { [name]: "admin" } });
      assert.deepEqual([asked.status, asked.json["error"]], [400, "request_ambiguous"], name);
    }
  });

  it("answers nobody but gateways, and no question that does not say what it is about", async (t) => {
    const { gate, url, ask } = await start(t, "", ", gateways: [192.0.2.1]");
    const stranger = await ask("POST", "/login");
    assert.deepEqual([stranger.status, stranger.json["error"]], [403, "gateway_refused"]);
    assert.match(String(stranger.json["message"]), /127\.0\.0\.1 is not in decisions\.gateways/);
    assert.equal(await metric(gate, 'revgate_decisions_refused_total{reason="gateway"}'), 1);

    // A reload lets it ask.
    const file = join(gate.directory, "revgate.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace("192.0.2.1", "127.0.0.0/8"));
    await gate.reload(() => loadConfig(file, {}));
    assert.equal((await ask("POST", "/login")).status, 200);
    const unclear = await send(url, { method: "POST", headers: { token: makeToken() } });
    assert.deepEqual([unclear.status, unclear.json["error"]], [400, "question_refused"]);
    const uris = ["/login", "/me"];
    const two = await ask("POST", "/login", { headers: { "X-Forwarded-Uri": uris } });
    assert.match(String(two.json["message"]), /x-forwarded-uri is there more than once/);
    const raw = await openRaw(t, Number(new URL(url).port));
    raw.write("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert.match(await raw.untilClosed(), /^HTTP\/1\.1 400 /);
    assert.equal(await metric(gate, 'revgate_decisions_refused_total{reason="question"}'), 3);
    assert.match(gate.logged(), /"why":"127\.0\.0\.1 is not in .*a gateway's question was refused/);
  });

  it("goes by the question itself, or by X-Original-*, if it is told to, and by nothing else", async (t) => {
    const same = await start(t, "", ", question: same");
    const forwarded = { "X-Forwarded-Method": "POST", "X-Forwarded-Uri": "/login" };
    const reply = await send(`${same.url}/me`, { headers: forwarded });
    assert.equal(reply.json["error"], "token_missing");
    assert.equal((await send(`${same.url}/login`, { method: "POST" })).status, 200);
    const head = await send(`${same.url}/me`, { method: "HEAD" });
    assert.deepEqual([head.status, head.text], [401, ""]);

    const original = await start(t, "", ", question: original");
    const url = "http://shop.example/login";
    const headers = { "X-Original-Method": "POST", "X-Original-URL": url };
    assert.equal((await send(original.url, { headers })).status, 200);
    assert.equal((await send(original.url, { headers: forwarded })).status, 400);
  });

  it("answers over TLS those alone that show a certificate of its authorities", async (t) => {
    const directory = temporaryDirectory(t);
    const { cert, key } = makeCertificate(directory);
    const other = makeCertificate(directory, { name: "other-" });
    const tls = "tls: { certFile: cert.pem, keyFile: key.pem, clientCaFile: cert.pem }";
    const gate = await startGate(t, {
      ...{ upstream: "http://127.0.0.1:1", directory },
      yaml: `decisions: { host: 127.0.0.1, port: 0, question: same, ${tls} }`,
    });
    const url = `https://127.0.0.1:${gate.decisionsAddress?.port}/me`;
    const asked = { ca: cert, headers: { token: makeToken() } };
    assert.equal((await send(url, { ...asked, cert, key })).status, 200);
    await assert.rejects(send(url, asked));
    await assert.rejects(send(url, { ...asked, cert: other.cert, key: other.key }));
    assert.match(gate.logged(), /it has not come to TLS/);
  });

  it("never answers 2xx to mean no, and redirects browsers", async (t) => {
    const { ask } = await start(t, "errors: { html: { redirect: /login }, language: zh }");
    const page = await ask("GET", "/me", { headers: { accept: "text/html" } });
    assert.deepEqual([page.status, page.headers["location"]], [302, "/login"]);
    assert.equal(page.headers["x-revgate-error"], "token_missing");
    const json = await ask("GET", "/me");
    const inHeader = Buffer.from(json.headers["x-revgate-body"] as string, "latin1").toString();
    assert.equal(JSON.parse(inHeader).message, "token缺失!");
  });

  it("lets gateways leave when it stops, and answers what was asked", async (t) => {
    const syncs = await prepareHeldSyncs(t);
    const { gate, ask } = await start(t);
    await untilStartIsNoted(gate);
    const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })] as const;
    t.after(() => agents.map((agent) => agent.destroy()));
    const sent = { agent: agents[0], headers: { token: makeToken() } };
    assert.equal((await ask("GET", "/me", sent)).headers.connection, "keep-alive");
    // One that is held is answered, too, and closes its connection.
    syncs.hold();
    const logout = { agent: agents[1], headers: { token: makeToken({ jti: "1" }) } };
    const held = ask("POST", "/logout", logout);
    await syncs.arrived();
    gate.config().settings.limits.drainTimeout = 20_000;
    const stopped = gate.stop();
    const last = ask("GET", "/me", sent);
    syncs.letGo();
    for (const { status, headers } of await Promise.all([held, last])) {
      assert.deepEqual([status, headers.connection], [200, "close"]);
    }
    await stopped;
    await assert.rejects(ask("GET", "/me"), /ECONNREFUSED/);
  });
});

/** A question as its bytes, about a request with more header lines. */
function question(method: string, uri: string, lines: readonly string[]): string {
  const own = [`X-Forwarded-Method: ${method}`, `X-Forwarded-Uri: ${uri}`, "X-Forwarded-Host: a"];
  return `GET / HTTP/1.1\r\n${[...own, ...lines].join("\r\n")}\r\n\r\n`;
}

describe("a connection of a gateway", () => {
  it("is kept behind an answer, and closed behind a WebSocket's handshake, of which nothing else is special", async (t) => {
    const { url } = await start(t);
    const port = Number(new URL(url).port);
    const token = `Token: ${makeToken()}`;
    const upgrade = ["Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: a"];
    const ends = [
      ["Upgrade: websocket", ...upgrade],
      ["Upgrade: h2c", ...upgrade],
      // Its body stays with the gateway: it is not asked for.
      ["Content-Length: 3", "Expect: 100-continue"],
    ];
    for (const lines of ends) {
      const raw = await openRaw(t, port);
      raw.write(question("GET", "/me", [token]));
      await raw.until(/^HTTP\/1\.1 200 .*Connection: keep-alive\r\n.*\r\n\r\n$/s);
      // Node drops what comes behind it in the same packet; no answer is taken for another.
      raw.write(question("GET", "/me", [token, ...lines]) + question("GET", "/public", []));
      const [, , last, ...more] = (await raw.untilClosed()).split("HTTP/1.1 ");
      assert.match(String(last), /^200 OK\r\n.*Connection: close\r\n\r\n$/s);
      assert.deepEqual(more, []);
    }
  });

  it("has few questions waiting for one that is held, and all in their order", async (t) => {
    const syncs = await prepareHeldSyncs(t);
    const { gate, url } = await start(t);
    await untilStartIsNoted(gate);
    const port = Number(new URL(url).port);
    const token = `Token: ${makeToken()}`;
    const logout = question("POST", "/logout", [token]);
    const behind = question("GET", "/me", [token]);
    syncs.hold();
    const [patient, greedy] = [await openRaw(t, port), await openRaw(t, port)];
    patient.write(logout + behind.repeat(3));
    await syncs.arrived();
    greedy.write(question("POST", "/logout", [`Token: ${makeToken({ jti: "2" })}`]));
    greedy.write(behind.repeat(4));
    assert.equal(await greedy.untilClosed(), "");
    syncs.letGo();
    await patient.untilTimes("HTTP/1.1 401", 3);
    assert.match(patient.received(), /^HTTP\/1\.1 200 .*HTTP\/1\.1 401 .*token_revoked/s);
    assert.equal(await metric(gate, 'revgate_decisions_refused_total{reason="gateway"}'), 1);
    assert.match(gate.logged(), /too many questions at once/);
  });

  it("gets no second answer to one question if what follows is malformed", async (t) => {
    const syncs = await prepareHeldSyncs(t);
    const { gate, url } = await start(t);
    await untilStartIsNoted(gate);
    const raw = await openRaw(t, Number(new URL(url).port));
    syncs.hold();
    raw.write(question("POST", "/logout", [`Token: ${makeToken()}`]));
    await syncs.arrived();
    raw.write("nonsense\r\n\r\n");
    assert.equal(await raw.untilClosed(), "");
    syncs.letGo();
    await until(
      async () => (await metric(gate, 'revgate_requests_total{outcome="client_gone"}')) === 1,
    );
  });
});

describe("strangers at the gateways' port", () => {
  it("take no place of a gateway's, however many they are and whatever they leave undone", async (t) => {
    const { url, gate, ask } = await start(
      t,
      "limits: { maxConnections: 2 }",
      ", gateways: [127.0.0.1]",
    );
    const port = Number(new URL(url).port);
    let open = 0;
    const strangers = Array.from({ length: 40 }, () => {
      const socket = connect({ host: "127.0.0.1", port, localAddress: "127.0.0.2" });
      socket.on("error", () => {});
      socket.once("connect", () => {
        open += 1;
        socket.write("G");
      });
      socket.once("close", () => {
        open -= 1;
      });
      t.after(() => socket.destroy());
      return socket;
    });
    await Promise.all(strangers.map((socket) => once(socket, "connect")));
    await until(() => open <= 16);
    for (let i = 0; i < 4; i += 1) assert.equal((await ask("POST", "/login")).status, 200);

    // Sent ahead, in one packet: one answer at most, and no more work than that.
    const ahead = connect({ host: "127.0.0.1", port, localAddress: "127.0.0.3" });
    t.after(() => ahead.destroy());
    ahead.on("error", () => {});
    const answered = text(ahead).catch(() => "");
    ahead.write("GET / HTTP/1.1\r\n\r\n".repeat(3000));
    assert.ok((await answered).split("HTTP/1.1 403").length <= 2);
    const refused = await metric(gate, 'revgate_decisions_refused_total{reason="gateway"}');
    assert.ok(refused <= 3, `${refused}`);
  });

  it("are cut off if their request is malformed, whatever they do", async (t) => {
    const { url } = await start(t, "", ", gateways: [127.0.0.1]");
    const port = Number(new URL(url).port);
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    socket.write("nonsense\r\n\r\n");
    socket.resume();
    // It keeps its own side open: only if the other side is gone, writing to it fails.
    await once(socket, "end");
    while (!socket.destroyed) {
      socket.write("x");
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
