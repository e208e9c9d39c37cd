import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { keptSessions } from "../../src/node-http/http2/keep-session.ts";
import { startApplication } from "../helpers/application.ts";
import { prepareHeldSyncs } from "../helpers/broken-disk.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { type Asked, checkRequest, openEnvoy } from "../helpers/envoy.ts";
import { startGate, type TestGate, untilStartIsNoted } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { frame, openFrames, types } from "../helpers/http2-frames.ts";
import { untilNothingIsLeft } from "../helpers/left-over.ts";
import { startRelay } from "../helpers/relay.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { wire } from "../helpers/wire.ts";

const yaml = `
tokens: { keys: [ { publicKeyFile: public.pem } ], forwardClaims: { sub: X-User-Id } }
routes:
  - { path: /login, methods: [POST], access: public }
  - { path: /logout, methods: [POST], revoke: token }
listen: { host: 127.0.0.1, port: 0, trustedProxies: [192.0.2.1] }
`;

async function start(t: TestContext, more = "", settings = "") {
  const application = await startApplication(t);
  const own = `decisions: { host: 127.0.0.1, port: 0, question: ext_authz${settings} }`;
  const gate = await startGate(t, {
    upstream: application.url,
    yaml: [own, yaml, more].join("\n"),
  });
  const port = gate.decisionsAddress?.port ?? 0;
  return { application, gate, port, envoy: openEnvoy(t, port) };
}

async function metric({ adminUrl }: TestGate, line: string): Promise<number> {
  const { text } = await send(`${adminUrl}/metrics`);
  const found = text.split("\n").find((each) => each.startsWith(`${line} `));
  return Number(found?.split(" ").at(-1));
}

/** Connections that do nothing. */
async function openMany(t: TestContext, options: { port: number; localAddress: string }) {
  let open = 0;
  const sockets = Array.from({ length: 80 }, () => {
    const socket = connect({ host: "127.0.0.1", ...options });
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    socket.once("connect", () => {
      open += 1;
    });
    socket.once("close", () => {
      open -= 1;
    });
    return once(socket, "connect");
  });
  await Promise.all(sockets);
  return { open: () => open };
}

/** Watches the health of all services so many times, from another address, and never stops. */
async function watchOften(t: TestContext, port: number, localAddress: string, times: number) {
  let watching = 0;
  const sessions = Array.from({ length: Math.ceil(times / 100) }, () => {
    const createConnection = () => connect({ port, host: "127.0.0.1", localAddress });
    const session = connectHttp2(`http://127.0.0.1:${port}`, { createConnection });
    t.after(() => session.destroy());
    return session.on("error", () => {});
  });
  for (let i = 0; i < times; i++) {
    const stream = sessions[Math.floor(i / 100)]?.request({
      ...{ ":method": "POST", ":path": "/grpc.health.v1.Health/Watch" },
      ...{ "content-type": "application/grpc", te: "trailers" },
    });
    stream
      ?.on("error", () => {})
      .on("trailers", () => {
        watching -= 1;
      });
    stream?.once("data", () => {
      watching += 1;
    });
    stream?.end(Buffer.alloc(5));
  }
  return { watching: () => watching };
}

describe("the gateways' port, asked by Envoy's ext_authz over gRPC", () => {
  it("judges like the clients' port, says who it is, and ends a token at its logout", async (t) => {
    const { application, gate, envoy } = await start(t);
    const token = makeToken({ sub: "zoë" });
    const cases: readonly [string, string, Asked][] = [
      ["GET", "/me", {}],
      ["GET", "/me", { headers: { token: "a.b.c" } }],
      ["GET", "//me", { headers: { token } }],
      ["GET", "/me", { headers: { accept: "application/problem+json" } }],
      ["TRACE", "/login", {}],
      ["POST", "/login", { headers: { "x-http-method-override": "DELETE" } }],
    ];
    for (const [method, path, asked] of cases) {
      const checked = await envoy.check(checkRequest(method, path, asked));
      const headers = asked.headers ?? {};
      const direct = await send(gate.url + path, { method, headers });
      assert.notEqual(checked.code, 0, `${method} ${path}`);
      assert.equal(checked.status, direct.status);
      for (const name of ["content-type", "www-authenticate", "cache-control"]) {
        assert.equal(checked.headers[name], direct.headers[name], name);
      }
      const { requestId: _one, ...body } = JSON.parse(checked.body ?? "");
      const { requestId: _other, ...directBody } = direct.json;
      assert.deepEqual(body, directBody);
      assert.equal(checked.headers["x-revgate-error"], body["error"]);
      assert.equal(checked.headers["content-length"], undefined);
    }
    // Two lines: joined, or each by itself.
    const two = [
      ["token", token],
      ["token", makeToken({ jti: "2" })],
    ] as const;
    const twice = await envoy.check(checkRequest("GET", "/me", { raw: two }));
    assert.equal(twice.headers["x-revgate-error"], "token_ambiguous");

    const spoofed = { token, "x-user-id": "root", x_user_id: "root" };
    const passed = await envoy.check(checkRequest("GET", "/me?a=b", { headers: spoofed }));
    assert.deepEqual([passed.code, passed.headers], [0, { "x-user-id": "zo%C3%AB" }]);
    assert.deepEqual(passed.remove, ["x_user_id"], "what is set replaces what was sent");
    const login = await envoy.check(checkRequest("POST", "/login", { headers: spoofed }));
    assert.deepEqual([login.code, login.headers], [0, {}]);
    assert.deepEqual([...login.remove].sort(), ["x-user-id", "x_user_id"]);
    assert.equal(application.seen.length, 0);

    const out = await envoy.check(checkRequest("POST", "/logout", { headers: { token } }));
    assert.equal(out.code, 0);
    const after = await envoy.check(checkRequest("GET", "/me", { headers: { token } }));
    assert.deepEqual([after.code, after.status], [16, 401]);
    assert.equal((await send(`${gate.url}/me`, { headers: { token } })).status, 401);
    assert.equal(await metric(gate, 'revgate_requests_total{outcome="allowed"}'), 3);
    assert.match(gate.logged(), /"outcome":"allowed".*"path":"\/me"/);
    assert.doesNotMatch(gate.logged(), new RegExp(token.slice(-40)));
  });

  it("tells clients of gRPC why, knows who they are, and offers its health", async (t) => {
    const { gate, envoy } = await start(t, "errors: { status: { token_invalid: 499 } }");
    const headers = { "content-type": "application/grpc" };
    const grpc = await envoy.check(checkRequest("POST", "/a.B/C", { headers }));
    assert.deepEqual([grpc.status, grpc.body], [401, "token_missing"]);
    assert.equal(grpc.headers["content-type"], undefined);
    const odd = await envoy.check(checkRequest("GET", "/me", { headers: { token: "a" } }));
    assert.equal(odd.status, 401, "Envoy knows no 499");

    const forwarded = { "x-forwarded-for": "203.0.113.9" };
    await envoy.check(checkRequest("GET", "/who", { headers: forwarded, source: "198.51.100.7" }));
    assert.match(gate.logged(), /"peer":"198\.51\.100\.7",.*"method":"GET","path":"\/who"/);
    await envoy.check(checkRequest("GET", "/who", { headers: forwarded, source: "192.0.2.1" }));
    assert.match(gate.logged(), /"peer":"192\.0\.2\.1","client":"203\.0\.113\.9"/);

    for (const service of ["", "envoy.service.auth.v3.Authorization"]) {
      assert.equal((await envoy.call("health", "Check", { service }))["status"], 1);
    }
    await assert.rejects(envoy.call("health", "Check", { service: "other" }), /NOT_FOUND/);
  });

  it("answers no question that does not say what it is about, and none of a head that is too long", async (t) => {
    const { gate, envoy } = await start(t);
    const same = checkRequest("POST", "/login");
    const http = (edit: object) => {
      const { request } = same["attributes"] as { request: { http: object } };
      return { attributes: { request: { http: { ...request.http, ...edit } } } };
    };
    const unclear: readonly [object, RegExp][] = [
      [{}, /no HTTP request/],
      [http({ path: "/me" }), /has not one target/],
      [http({ method: "GET" }), /has not one method/],
      [http({ host: "other.example" }), /has not one host/],
      [http({ headers: { token: "a\r\nb: c" } }), /line break/],
      [http({ headers: { "a b": "c" } }), /no name/],
      [http({ headers: {}, path: "/a b" }), /has not one target/],
      [http({ headers: {}, method: "" }), /has not one method/],
      [http({ headerMap: { headers: [{ key: "token", value: "a" }] } }), /two forms/],
    ];
    for (const [question, why] of unclear) {
      await assert.rejects(envoy.check(question as Record<string, unknown>), why);
    }
    const refused = 'revgate_decisions_refused_total{reason="question"}';
    assert.equal(await metric(gate, refused), unclear.length);
    const lines = Array.from({ length: 2000 }, () => ({}));
    const crowded = http({ headers: {}, headerMap: { headers: lines } });
    await assert.rejects(envoy.check(crowded), /RESOURCE_EXHAUSTED.*1020 fields/);
    const watched = { service: "a".repeat(100_000) };
    await assert.rejects(envoy.call("health", "Check", watched), /RESOURCE_EXHAUSTED/);
    const long = { token: makeToken(), "x-long": "a".repeat(16_000), "x-more": "a".repeat(16_000) };
    const checked = await envoy.check(checkRequest("GET", "/me", { headers: long }));
    assert.deepEqual(
      [checked.status, checked.headers["x-revgate-error"]],
      [431, "request_too_large"],
    );
  });

  it("lets nobody but gateways get as far as a question, and closes those that may ask no more", async (t) => {
    const { gate, port, envoy } = await start(t, "", ", gateways: [192.0.2.1]");
    const stranger = connect(port, "127.0.0.1");
    await new Promise((resolve) => stranger.once("close", resolve));
    const refused = 'revgate_decisions_refused_total{reason="gateway"}';
    assert.equal(await metric(gate, refused), 1);
    assert.match(gate.logged(), /127\.0\.0\.1 is not in decisions\.gateways/);
    await assert.rejects(envoy.check(checkRequest("POST", "/login")), /UNAVAILABLE/);
    envoy.close();

    const file = join(gate.directory, "revgate.yaml");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace("gateways: [192.0.2.1]", "gateways: [127.0.0.0/8]"));
    await gate.reload(() => loadConfig(file, {}));
    const allowed = openEnvoy(t, port);
    assert.equal((await allowed.check(checkRequest("POST", "/login"))).code, 0);
    writeFileSync(file, text);
    await gate.reload(() => loadConfig(file, {}));
    await assert.rejects(allowed.check(checkRequest("POST", "/login")), /UNAVAILABLE/);
    // Over which protocol they ask stays what it is.
    writeFileSync(file, text.replace("ext_authz", "forwarded"));
    await gate.reload(() => loadConfig(file, {}));
    assert.match(gate.logged(), /decisions\.question/);
  });

  it("cuts a peer that sends frames that carry nothing, and none that asks much", async (t) => {
    const { gate, port, envoy } = await start(t);
    const headers = { token: makeToken({ long: "a".repeat(500) }) };
    const question = checkRequest("GET", "/me", { headers });
    const asked = Array.from({ length: 500 }, () => envoy.check(question));
    for (const type of [types.priority, 99]) {
      const flood = await openFrames(t, port);
      const one = frame(type, 0, type === types.priority ? 1 : 0, Buffer.alloc(5));
      flood.write(...Array.from({ length: 20_000 }, () => one));
      await flood.untilClosed();
      assert.equal(flood.goaway, 11);
    }
    for (const each of asked) assert.equal((await each).code, 0);
    assert.match(gate.logged(), /"why":"too many frames that carry nothing"/);
    assert.equal(await metric(gate, 'revgate_decisions_refused_total{reason="gateway"}'), 2);
  });

  it("refuses a message that can't be decoded, and goes on", async (t) => {
    const { gate, port, envoy } = await start(t);
    // An address of five bytes, of which there is one.
    const message = wire([1, [[1, Buffer.of(0x0a, 5, 1)]]]);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    t.after(() => session.destroy());
    const stream = session.request({
      ...{ ":method": "POST", ":path": "/envoy.service.auth.v3.Authorization/Check" },
      ...{ "content-type": "application/grpc", te: "trailers" },
    });
    const answered = once(stream, "response");
    stream.resume().end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
    const [head] = (await answered) as [Record<string, string>];
    assert.equal(head["grpc-status"], "3");
    assert.match(gate.logged(), /"why":"its message can't be read"/);
    assert.equal((await envoy.check(checkRequest("POST", "/login"))).code, 0);
    assert.equal(await metric(gate, 'revgate_uncaught_errors_total{door="decisions"}'), 0);
  });

  it("has places for those that watch its health, whatever one neighbour takes of them", async (t) => {
    const { gate, port } = await start(t, "", ", gateways: [127.0.0.1, 127.0.0.2]");
    const neighbour = await watchOften(t, port, "127.0.0.2", 1100);
    await until(() => neighbour.watching() === 1000);
    const health = openEnvoy(t, port).watchHealth();
    assert.equal(await health.next(), 1);
    await until(() => neighbour.watching() === 999);
    assert.match(gate.logged(), /"peer":"127\.0\.0\.2","why":"too many watchers/);
    const stopped = gate.stop();
    assert.equal(await health.next(), 2);
    await stopped;
  });

  it("answers a logout that it holds when it stops, tells the health checks, and then is gone", async (t) => {
    const syncs = await prepareHeldSyncs(t);
    const { gate, envoy } = await start(t, "limits: { drainTimeout: 20s }");
    await untilStartIsNoted(gate);
    const token = makeToken();
    assert.equal((await envoy.check(checkRequest("GET", "/me", { headers: { token } }))).code, 0);
    const health = envoy.watchHealth();
    assert.equal(await health.next(), 1);
    syncs.hold();
    const asked = envoy.check(checkRequest("POST", "/logout", { headers: { token } }));
    await syncs.arrived();
    gate.config().settings.limits.drainTimeout = 20_000;
    const stopped = gate.stop();
    assert.equal(await health.next(), 2);
    syncs.letGo();
    assert.equal((await asked).code, 0);
    await stopped;
    await assert.rejects(envoy.check(checkRequest("POST", "/login")), /UNAVAILABLE/);
  });

  it("keeps nothing of checks that it holds when their Envoy goes away, and loses no logout of theirs", async (t) => {
    const syncs = await prepareHeldSyncs(t);
    const { gate, port, envoy } = await start(t);
    await untilStartIsNoted(gate);
    const relay = await startRelay(t, port);
    const leaving = openEnvoy(t, relay.port);
    const tokens = Array.from({ length: 20 }, (_, i) => makeToken({ jti: `${i}` }));
    const kept = keptSessions();
    const other = checkRequest("GET", "/me", { headers: { token: makeToken() } });
    assert.equal((await leaving.check(other)).code, 0);
    assert.equal(keptSessions(), kept + 1);
    syncs.hold();
    const asked = tokens.map((token) =>
      leaving.check(checkRequest("POST", "/logout", { headers: { token } })),
    );
    await syncs.arrived();
    // By then the others have come, too.
    assert.equal((await leaving.check(other)).code, 0);
    relay.cut();
    for (const each of asked) await assert.rejects(each);
    // Its connection, and with it all that was asked on it.
    await until(() => keptSessions() === kept);
    syncs.letGo();
    await untilNothingIsLeft(gate);
    assert.equal(await metric(gate, 'revgate_uncaught_errors_total{door="decisions"}'), 0);
    for (const token of tokens) {
      const after = () => envoy.check(checkRequest("GET", "/me", { headers: { token } }));
      await until(async () => (await after()).headers["x-revgate-error"] === "token_revoked");
    }
  });

  it("answers over TLS those that show a certificate, and shows a new one after a reload", async (t) => {
    const directory = temporaryDirectory(t);
    const [own, other] = ["", "other-"].map((name) => makeCertificate(directory, { name }));
    assert.ok(own && other);
    const application = await startApplication(t);
    const tls = "tls: { certFile: cert.pem, keyFile: key.pem, clientCaFile: cert.pem }";
    const yaml = (question: string, group: string) =>
      `decisions: { host: 127.0.0.1, port: 0, question: ${question}, ${group} }`;
    const gate = await startGate(t, {
      ...{ upstream: application.url, directory },
      yaml: yaml("ext_authz", tls),
    });
    const port = gate.decisionsAddress?.port ?? 0;
    const bytes = ({ cert, key }: typeof own) => ({
      cert: Buffer.from(cert),
      key: Buffer.from(key),
    });
    const ask = (ca: string, shown?: typeof own) => {
      const envoy = openEnvoy(t, port, { ca: Buffer.from(ca), ...(shown && bytes(shown)) });
      return envoy
        .check(checkRequest("GET", "/me", { headers: { token: makeToken() } }))
        .finally(() => envoy.close());
    };
    assert.equal((await ask(own.cert, own)).code, 0);
    await assert.rejects(ask(own.cert), /UNAVAILABLE/);
    await assert.rejects(ask(own.cert, other), /UNAVAILABLE/);
    assert.match(gate.logged(), /it has not come to TLS/);

    // The authorities stay; what gateways are shown changes.
    const file = join(directory, "revgate.yaml");
    const text = readFileSync(file, "utf8");
    const renewed = text.replace(
      "certFile: cert.pem, keyFile: key.pem",
      "certFile: other-cert.pem, keyFile: other-key.pem",
    );
    writeFileSync(file, renewed);
    await gate.reload(() => loadConfig(file, {}));
    assert.equal((await ask(other.cert, own)).code, 0);
    writeFileSync(file, text.replace(tls, "tls: { certFile: cert.pem, keyFile: key.pem }"));
    await gate.reload(() => loadConfig(file, {}));
    assert.match(gate.logged(), /decisions\.tls\.clientCaFile/);
    await assert.rejects(ask(other.cert), /UNAVAILABLE/, "certificates are still asked for");
  });

  for (const question of ["ext_authz", "same"] as const) {
    it(`has places for gateways, whatever others leave undone before TLS: ${question}`, async (t) => {
      const directory = temporaryDirectory(t);
      const { cert, key } = makeCertificate(directory);
      const tls = "tls: { certFile: cert.pem, keyFile: key.pem, clientCaFile: cert.pem }";
      const peers = "gateways: [127.0.0.1, 127.0.0.2]";
      const gate = await startGate(t, {
        ...{ upstream: "http://127.0.0.1:1", directory },
        yaml: `decisions: { host: 127.0.0.1, port: 0, question: ${question}, ${peers}, ${tls} }
limits: { maxConnections: 1 }`,
      });
      const port = gate.decisionsAddress?.port ?? 0;
      // Of the second, any could have a certificate; the third is no gateway.
      const neighbours = await openMany(t, { port, localAddress: "127.0.0.2" });
      const strangers = await openMany(t, { port, localAddress: "127.0.0.3" });
      await until(() => neighbours.open() <= 64);
      await until(() => strangers.open() <= (question === "same" ? 16 : 0));

      const headers = { token: makeToken() };
      if (question === "same") {
        const asked = { ca: cert, cert, key, headers };
        assert.equal((await send(`https://127.0.0.1:${port}/me`, asked)).status, 200);
      } else {
        const shown = { cert: Buffer.from(cert), key: Buffer.from(key) };
        const envoy = openEnvoy(t, port, { ca: Buffer.from(cert), ...shown });
        assert.equal((await envoy.check(checkRequest("GET", "/me", { headers }))).code, 0);
      }
      assert.match(
        gate.logged(),
        /"peer":"127\.0\.0\.2","why":"too many connections that have not/,
      );
      const refused = await metric(gate, 'revgate_decisions_refused_total{reason="gateway"}');
      assert.ok(refused >= (question === "same" ? 16 : 96), `${refused}`);
    });
  }

  it("answers over TLS where questions are HTTP", async (t) => {
    const directory = temporaryDirectory(t);
    const { cert } = makeCertificate(directory);
    const tls = "tls: { certFile: cert.pem, keyFile: key.pem }";
    const gate = await startGate(t, {
      ...{ upstream: "http://127.0.0.1:1", directory },
      yaml: `decisions: { host: 127.0.0.1, port: 0, question: same, ${tls} }`,
    });
    const at = `127.0.0.1:${gate.decisionsAddress?.port}/me`;
    const asked = { ca: cert, headers: { token: makeToken() } };
    assert.equal((await send(`https://${at}`, asked)).status, 200);
    assert.equal((await send(`https://${at}`, { ca: cert })).status, 401);
    await assert.rejects(send(`http://${at}`, asked));
  });
});
