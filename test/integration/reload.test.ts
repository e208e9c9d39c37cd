import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Agent, createServer, type ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { exampleRoutes, startGate, type TestGate, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { nextKeyPair } from "../helpers/key-pairs.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { keyPair, makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const otherKeyPair = nextKeyPair();

async function start(t: TestContext, yaml = "") {
  const application = await startApplication(t);
  const gate = await startGate(t, { upstream: application.url, yaml });
  const change = (changed: string, upstream = application.url) =>
    gate.reload(() => writeConfig(gate.directory, changed, upstream));
  return { application, gate, change };
}

const get = async (gate: TestGate, path = "/me", headers: Record<string, string> = {}) => {
  const reply = await send(`${gate.url}${path}`, { headers });
  return reply.status === 200 ? "200" : `${reply.status} ${reply.json["error"]}`;
};

const readiness = async (gate: TestGate) => (await send(`${gate.adminUrl}/readyz`)).json;

async function metric(gate: TestGate, series: string): Promise<number> {
  const { text } = await send(`${gate.adminUrl}/metrics`);
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

describe("a changed configuration", () => {
  it("is in force when it has been taken on: routes, texts, sources, limits", async (t) => {
    const { gate, change } = await start(t);
    const token = makeToken();
    assert.equal(await get(gate, "/open"), "401 token_missing");

    await change(`
routes: [ { path: /open, access: public }, { path: /bye, methods: [POST], revoke: token } ]
errors: { language: zh }
tokens: { keys: [ { publicKeyFile: public.pem } ], from: [ { header: x-token } ] }
limits: { tokenBytes: 256 }
`);
    assert.equal(await get(gate, "/open"), "200");
    assert.equal(await get(gate, "/me", { token }), "401 token_missing");
    const reply = await send(`${gate.url}/me`);
    assert.equal(reply.json["message"], "token缺失!");
    assert.equal(await get(gate, "/me", { "x-token": token }), "401 token_invalid", "too long now");

    await change("");
    assert.equal(await get(gate, "/me", { token }), "200");
    assert.equal(await get(gate, "/open"), "401 token_missing");
    assert.equal(await metric(gate, 'revgate_config_reloads_total{result="ok"}'), 2);
    assert.equal(await metric(gate, "revgate_config_last_reload_successful"), 1);
    assert.deepEqual(await readiness(gate), { status: "ready" });
  });

  it("forgets no revocation, and revokes by its own routes", async (t) => {
    const { gate, change } = await start(t);
    const [first, second] = [makeToken({ jti: "1" }), makeToken({ jti: "2" })];
    await send(`${gate.url}/logout`, { method: "POST", headers: { token: first } });
    await change("routes: [ { path: /bye, methods: [POST], revoke: token } ]");
    assert.equal(await get(gate, "/me", { token: first }), "401 token_revoked");
    await send(`${gate.url}/logout`, { method: "POST", headers: { token: second } });
    assert.equal(await get(gate, "/me", { token: second }), "200", "a route like every other now");
    await send(`${gate.url}/bye`, { method: "POST", headers: { token: second } });
    assert.equal(await get(gate, "/me", { token: second }), "401 token_revoked");
  });

  it("brings other keys at once, to requests and to commands", async (t) => {
    const yaml = "admin: { host: 127.0.0.1, port: 0, tokenFile: secret }";
    const application = await startApplication(t);
    const directory = temporaryDirectory(t);
    writeFileSync(`${directory}/secret`, "a secret of the admin's".replaceAll(" ", "-"));
    const gate = await startGate(t, { upstream: application.url, yaml, directory });
    const other = makeToken({}, { key: otherKeyPair.privateKey });
    const introspect = async (token: string, secret: string) => {
      const reply = await send(`${gate.adminUrl}/introspect`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${secret}`,
          "content-type": "application/x-www-form-urlencoded",
        },
        body: `token=${token}`,
      });
      return reply.status === 200 ? reply.json["active"] : reply.status;
    };
    assert.equal(await get(gate, "/me", { token: other }), "401 token_invalid");
    assert.equal(await introspect(other, "a-secret-of-the-admin's"), false);

    writeFileSync(
      `${directory}/other.pem`,
      otherKeyPair.publicKey.export({ type: "spki", format: "pem" }),
    );
    writeFileSync(`${directory}/secret`, "another-secret-of-the-admin's");
    const tokens = "tokens: { keys: [ { publicKeyFile: other.pem } ] }";
    await gate.reload(() => writeConfig(directory, `${yaml}\n${tokens}`, application.url));
    assert.equal(await get(gate, "/me", { token: other }), "200");
    assert.equal(await get(gate, "/me", { token: makeToken() }), "401 token_invalid");
    assert.equal(await introspect(other, "a-secret-of-the-admin's"), 401);
    assert.equal(await introspect(other, "another-secret-of-the-admin's"), true);
  });

  it("leads requests to another application, and lets those under way finish", async (t) => {
    const { gate, change, application } = await start(t);
    let answer: ServerResponse | undefined;
    const slow = await startApplication(t, (_request, response) => {
      answer = response;
    });
    const headers = { token: makeToken() };
    await change("", slow.url);
    const underWay = send(`${gate.url}/me`, { headers });
    await until(() => answer !== undefined);
    assert.ok(answer);

    await change("", application.url);
    assert.equal(await get(gate, "/me", headers), "200");
    answer.end("late");
    assert.equal((await underWay).text, "late");
  });

  it("changes nothing where it can't be used, and says so everywhere", async (t) => {
    const { gate, change } = await start(t);
    const headers = { token: makeToken() };
    await change("routes: [ { path: login } ]\nlimits: { tokenBytes: many }");
    assert.equal(await get(gate, "/me", headers), "200");
    assert.equal(await get(gate, "/static/page"), "200");
    assert.equal(await metric(gate, 'revgate_config_reloads_total{result="failed"}'), 1);
    assert.equal(await metric(gate, "revgate_config_last_reload_successful"), 0);
    const { status, config } = await readiness(gate);
    assert.equal(status, "ready");
    assert.match(
      String(config),
      /^not reloaded: 2 problems, the first at \S+revgate\.yaml:\d+:\d+ \S+; see revgate check-config$/,
    );
    assert.match(gate.logged(), /limits\.tokenBytes: expected a whole number of bytes/);

    await gate.reload(async () => {
      throw new Error("no such thing");
    });
    assert.equal((await readiness(gate))["config"], "not reloaded: see the log");
    await change("");
    assert.deepEqual(await readiness(gate), { status: "ready" });
    assert.equal(await metric(gate, "revgate_config_last_reload_successful"), 1);
  });

  it("says what needs a restart, and takes on the rest", async (t) => {
    const { gate, change } = await start(t);
    await change(`
listen: { host: 127.0.0.1, port: 1 }
admin: { host: 127.0.0.1, port: 2 }
denylist: { dataDir: elsewhere }
limits: { headerBytes: 2048 }
routes: [ { path: /open, access: public } ]
`);
    assert.equal(await get(gate, "/open"), "200");
    assert.deepEqual(await readiness(gate), {
      status: "ready",
      config: "changed, needs a restart: listen.port, limits.headerBytes, admin.port, denylist",
    });
    assert.deepEqual(gate.config().settings.denylist.dataDir, "data");
    assert.equal(gate.config().settings.limits.headerBytes, 16_384);
    assert.match(gate.logged(), /"needRestart":\["listen.port","limits.headerBytes"/);
  });

  it("is refused where the keys that it names cannot be fetched", async (t) => {
    const { gate, change } = await start(t);
    const headers = { token: makeToken() };
    const dead = createTcpServer((socket) => socket.destroy());
    const port = await listenOnLoopback(t, dead);
    const tokens = (at: number) =>
      `tokens: { keys: [ { jwksUrl: "http://127.0.0.1:${at}/jwks" } ], jwks: { timeout: 30s } }`;
    await change(tokens(port));
    assert.equal(await get(gate, "/me", headers), "200");
    assert.match(gate.logged(), /the keys of http:\/\/127\.0\.0\.1:\d+ cannot be fetched/);

    const issuer = createServer((_request, response) =>
      response.end(JSON.stringify({ keys: [keyPair.publicKey.export({ format: "jwk" })] })),
    );
    await change(tokens(await listenOnLoopback(t, issuer)));
    assert.deepEqual(await readiness(gate), { status: "ready" });
    assert.equal(await get(gate, "/me", headers), "200");
  });

  it("keeps what it remembers of tokens where nothing changed for them", async (t) => {
    const { gate, change } = await start(t);
    const headers = { token: makeToken() };
    await get(gate, "/me", headers);
    await change(`${exampleRoutes}  - { path: /more, access: public }`);
    await get(gate, "/me", headers);
    assert.equal(await metric(gate, "revgate_signature_checks_total"), 1);
    // With cut-offs, tokens without iat are not accepted any more: all are looked at again.
    await change("routes: [ { path: /all, revoke: subject } ]");
    await get(gate, "/me", headers);
    assert.equal(await metric(gate, "revgate_signature_checks_total"), 2);
    assert.equal(
      await get(gate, "/me", { token: makeToken({ iat: undefined }) }),
      "401 token_invalid",
    );
  });

  it("sets the server's own limits, for connections that are open too", async (t) => {
    const { gate, change } = await start(t);
    await change("limits: { maxConnections: 1 }");
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const headers = { token: makeToken() };
    assert.equal((await send(`${gate.url}/me`, { headers, agent })).status, 200);
    const [kept] = Object.values(agent.freeSockets).flat();
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
    await until(() => kept?.destroyed === true);
    await change("");
    assert.equal((await send(`${gate.url}/me`, { headers, agent })).status, 200);
    const [stays] = Object.values(agent.freeSockets).flat();
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
    assert.equal(stays?.destroyed, false);
  });

  it("is not taken on once revgate is stopping", async (t) => {
    const { gate, change } = await start(t);
    await gate.stop();
    await change("routes: [ { path: /open, access: public } ]");
    assert.equal(gate.config().settings.routes.length, 5);
  });
});

describe("the files of a configuration", () => {
  it("are those that it names, but for keys, which are watched apart", async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(`${directory}/secret`, "x".repeat(16));
    await writeConfig(directory, "admin: { tokenFile: secret }", "http://127.0.0.1:1");
    const { sources } = await loadConfig(`${directory}/revgate.yaml`, {});
    assert.deepEqual(sources, [`${directory}/revgate.yaml`, `${directory}/secret`]);
  });
});
