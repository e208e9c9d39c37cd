import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { prepareHeldSyncs } from "../helpers/broken-disk.ts";
import { startGate, untilStartIsNoted } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

describe("a revoking route", () => {
  it("releases the application's 2xx unchanged", async (t) => {
    const application = await startApplication(t, (_request, response) => {
      response.writeHead(202, "Gone Now", { "X-Bye": "1", "Set-Cookie": ["a=; Max-Age=0", "b="] });
      response.end("see you");
    });
    const gate = await startGate(t, { upstream: application.url });
    const headers = { token: makeToken() };
    const reply = await send(`${gate.url}/logout`, { method: "POST", headers });
    assert.equal(reply.status, 202);
    assert.equal(reply.text, "see you");
    assert.deepEqual(reply.headers["set-cookie"], ["a=; Max-Age=0", "b="]);
    assert.equal(reply.headers["x-bye"], "1");
    assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "token_revoked");
  });

  for (const status of [301, 302, 400, 401, 403, 404, 409, 500, 503]) {
    it(`revokes nothing when the application answers ${status}`, async (t) => {
      const application = await startApplication(t, (request, response) => {
        response.statusCode = request.url === "/logout" ? status : 200;
        response.end();
      });
      const gate = await startGate(t, { upstream: application.url });
      const headers = { token: makeToken() };
      const reply = await send(`${gate.url}/logout`, { method: "POST", headers });
      assert.equal(reply.status, status);
      assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
    });
  }

  it("revokes nothing when the application cannot be reached", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: "http://127.0.0.1:1" });
    const headers = { token: makeToken() };
    assert.equal((await send(`${gate.url}/logout`, { method: "POST", headers })).status, 502);
    await gate.stop();
    const again = await startGate(t, { upstream: application.url, directory: gate.directory });
    assert.equal((await send(`${again.url}/me`, { headers })).status, 200);
  });

  it("is forwarded when its intent is on disk, and answered when its revocation is", async (t) => {
    const syncs = await prepareHeldSyncs(t);
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const headers = { token: makeToken() };
    const other = { token: makeToken() };
    const seen = () => application.seen.filter(({ url }) => url === "/logout").length;
    await untilStartIsNoted(gate);
    syncs.hold();
    let answered = false;
    const logout = send(`${gate.url}/logout`, { method: "POST", headers }).then((reply) => {
      answered = true;
      return reply;
    });
    // Others are not held up, and while they come and go the logout waits for the disk.
    for (let round = 0; round < 20; round += 1) {
      assert.equal((await send(`${gate.url}/me`, { headers: other })).status, 200);
    }
    assert.equal(seen(), 0);
    await syncs.releaseNext();
    while (seen() === 0) await send(`${gate.url}/me`, { headers: other });
    for (let round = 0; round < 20; round += 1) {
      assert.equal((await send(`${gate.url}/me`, { headers: other })).status, 200);
    }
    assert.equal(answered, false);
    assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "token_revoked");
    await syncs.releaseNext();
    assert.equal((await logout).status, 200);
  });

  it("is judged again when its intent is on disk: what ended meanwhile is not forwarded", async (t) => {
    const syncs = await prepareHeldSyncs(t);
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const headers = { token: makeToken() };
    const post = (path: string) => send(`${gate.url}${path}`, { method: "POST", headers });
    const me = async () => (await send(`${gate.url}/me`, { headers })).status;
    const seen = (path: string) => application.seen.some(({ url }) => url === path);
    await untilStartIsNoted(gate);
    syncs.hold();
    const first = post("/logout");
    // Its intent waits for the disk, and the second one's waits behind it.
    while (!/\bintent 1\b/.test(readFileSync(`${gate.directory}/data/journal`, "utf8"))) await me();
    const second = post("/change-password");
    assert.equal(await me(), 200);
    await syncs.releaseNext();
    await until(async () => (await me()) !== 200);
    assert.ok(seen("/logout"));
    await syncs.releaseNext();
    const reply = await second;
    assert.equal(reply.json["error"], "token_revoked");
    assert.ok(!seen("/change-password"));
    syncs.letGo();
    assert.equal((await first).status, 200);
  });

  for (const method of ["HEAD", "GET"]) {
    it(`holds an answer without a body too: to ${method}`, async (t) => {
      const syncs = await prepareHeldSyncs(t);
      const application = await startApplication(t, (_request, response) => {
        response.writeHead(method === "HEAD" ? 200 : 204, { "X-Bye": "1" });
        response.end();
      });
      const yaml = "routes: [ { path: /logout, methods: [GET], revoke: token } ]";
      const gate = await startGate(t, { upstream: application.url, yaml });
      const headers = { token: makeToken() };
      await untilStartIsNoted(gate);
      syncs.hold();
      let answered = false;
      const logout = send(`${gate.url}/logout`, { method, headers }).then((reply) => {
        answered = true;
        return reply;
      });
      await syncs.releaseNext();
      await until(async () =>
        /^revgate_holds 1$/m.test((await send(`${gate.adminUrl}/metrics`)).text),
      );
      for (let round = 0; round < 10; round += 1) await send(`${gate.adminUrl}/healthz`);
      assert.equal(answered, false);
      await syncs.releaseNext();
      const reply = await logout;
      assert.deepEqual(
        [reply.status, reply.headers["x-bye"]],
        [method === "HEAD" ? 200 : 204, "1"],
      );
      assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "token_revoked");
    });
  }

  const lost: [string, (socket: Socket) => void][] = [
    ["does not answer in time", () => {}],
    ["breaks the connection", (socket) => void socket.destroy()],
    ["answers what is not HTTP", (socket) => void socket.end("bye\r\n\r\n")],
  ];
  for (const [what, end] of lost) {
    it(`revokes when the application ${what}: nobody can know what it did`, async (t) => {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => end(socket));
      });
      const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
      const yaml = (outcome: string) =>
        `upstream: { url: "${upstream}", responseTimeout: 50ms }\ndenylist: { dataDir: data, onUnknownOutcome: ${outcome} }`;
      const headers = { token: makeToken() };
      for (const [outcome, error] of [
        ["keep", /upstream_/],
        ["revoke", /token_revoked/],
      ] as const) {
        const gate = await startGate(t, { upstream, yaml: yaml(outcome) });
        const logout = await send(`${gate.url}/logout`, { method: "POST", headers });
        assert.ok([502, 504].includes(logout.status));
        assert.match((await send(`${gate.url}/me`, { headers })).text, error);
        const { text } = await send(`${gate.adminUrl}/metrics`);
        const count = outcome === "revoke" ? 1 : 0;
        assert.ok(
          text.includes(
            `revgate_revocations_total{trigger="unknown_outcome",kind="tok"} ${count}\n`,
          ),
        );
      }
    });
  }

  const respelled = ["/LOGOUT", "/logout/", "/Logout/?x=1", "/l%6fgout", "/logou%74/"];
  for (const path of respelled) {
    it(`is found as ${path} too, because the application's 2xx decides`, async (t) => {
      const application = await startApplication(t);
      const gate = await startGate(t, { upstream: application.url });
      const headers = { token: makeToken() };
      assert.equal((await send(`${gate.url}${path}`, { method: "POST", headers })).status, 200);
      assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "token_revoked");
    });
  }

  for (const name of ["X-HTTP-Method-Override", "x_http_method", "X-Method-Override"]) {
    it(`is found when ${name} makes another method of the request`, async (t) => {
      const application = await startApplication(t);
      const gate = await startGate(t, { upstream: application.url });
      const headers = { token: makeToken() };
      await send(`${gate.url}/logout`, { method: "PUT", headers: { ...headers, [name]: "post" } });
      assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "token_revoked");
    });
  }

  it("revokes although the client leaves while the application is at work", async (t) => {
    const application = await startApplication(t, (request) => {
      if (request.url === "/me") assert.fail("the token should be dead");
    });
    const gate = await startGate(t, { upstream: application.url });
    const headers = { token: makeToken() };
    const arrived = once(application.server, "request") as Promise<
      [IncomingMessage, ServerResponse]
    >;
    const raw = await openRaw(t, gate.port);
    raw.write(
      `POST /logout HTTP/1.1\r\nHost: a\r\ntoken: ${headers.token}\r\nContent-Length: 0\r\n\r\n`,
    );
    const [, response] = await arrived;
    raw.socket.destroy();
    // The gate has noticed that the client is gone when it serves no connection any more.
    await until(async () =>
      /^revgate_connections 0$/m.test((await send(`${gate.adminUrl}/metrics`)).text),
    );
    response.end("bye");
    await until(async () =>
      /^revgate_denylist_entries 1$/m.test((await send(`${gate.adminUrl}/metrics`)).text),
    );
    assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "token_revoked");
  });

  it("is not reached by an upgrade, which would pass the hold", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    const yaml = `GET /logout HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
    raw.write(`${yaml}X-HTTP-Method-Override: POST\r\n\r\n`);
    assert.match(await raw.untilClosed(), /^HTTP\/1\.1 400 /);
    assert.equal(application.seen.length, 0);
  });

  it("refuses a public reset that carries two tokens", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const headers = { token: [makeToken(), makeToken()] };
    const reply = await send(`${gate.url}/reset-password`, { method: "POST", headers });
    assert.equal(reply.json["error"], "token_ambiguous");
    assert.equal(application.seen.length, 0);
  });
});
