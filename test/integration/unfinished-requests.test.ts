import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { begin, connectHttp2 } from "../helpers/http2.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const routes = `
logout: { path: /bye }
routes:
  - { path: /logout, methods: [POST], revoke: token }
  - { path: /password, methods: [POST], revoke: subject }
  - { path: /session, methods: [POST], revoke: token, revoked: forward }
  - { path: /public, access: public }`;

/** An application that does what a request asks for when its body is whole; a GET of /slow waits to be released. */
async function start(t: TestContext, upstream = "") {
  const done: string[] = [];
  const begun = new Set<string>();
  const slow = new EventEmitter();
  const application = await startApplication(t, (request, response) => {
    begun.add(request.url ?? "");
    request.on("data", () => {});
    request.on("error", () => {});
    request.on("end", async () => {
      done.push(`${request.method} ${request.url}`);
      if (request.url === "/slow") await once(slow, "released");
      response.end("done");
    });
  });
  const yaml = `upstream: { url: "${application.url}"${upstream} }${routes}`;
  const gate = await startGate(t, { upstream: application.url, yaml });
  const logOut = (token: string) =>
    send(`${gate.url}/logout`, { method: "POST", headers: { token } });
  const half = async (path: string, token: string) => {
    const connection = await openRaw(t, gate.port);
    connection.write(
      `POST ${path} HTTP/1.1\r\nHost: a\r\nToken: ${token}\r\nContent-Length: 2\r\n\r\n{`,
    );
    await until(() => begun.has(path));
    return connection;
  };
  return { gate, done, begun, slow, half, logOut };
}

describe("a request that is not whole when its token is revoked", () => {
  it("is answered 401 at once, and the application does nothing of it", async (t) => {
    const { gate, done, half, logOut } = await start(t);
    const token = makeToken({ sub: "alice" });
    const transfer = await half("/transfer", token);
    const password = await half("/password", token);
    assert.equal((await logOut(token)).status, 200);
    for (const connection of [transfer, password]) {
      await connection.until(/^HTTP\/1\.1 401 [\s\S]*token_revoked/);
      connection.write("}");
    }
    // A change of the password that did not happen has ended nothing.
    const other = makeToken({ sub: "alice" });
    assert.equal((await send(`${gate.url}/me`, { headers: { token: other } })).status, 200);
    assert.deepEqual(done, ["POST /logout", "GET /me"]);
  });

  it("is ended over HTTP/2, too", async (t) => {
    const { gate, done, begun, logOut } = await start(t);
    const token = makeToken();
    const session = await connectHttp2(t, gate.url);
    const stream = begin(session, { ":method": "POST", ":path": "/transfer", token });
    stream.write("{");
    await until(() => begun.has("/transfer"));
    const answer = once(stream, "response");
    await logOut(token);
    const [headers] = (await answer) as [Record<string, unknown>];
    assert.equal(headers[":status"], 401);
    assert.deepEqual(done, ["POST /logout"]);
  });

  it("goes on if nothing depends on the token, and if it was whole before", async (t) => {
    const { gate, done, slow, half, logOut } = await start(t);
    const token = makeToken();
    const open = await Promise.all([half("/public", token), half("/session", token)]);
    const whole = send(`${gate.url}/slow`, { method: "POST", headers: { token }, body: "{}" });
    await until(() => done.includes("POST /slow"));
    await logOut(token);
    for (const connection of open) {
      connection.write("}");
      await connection.until(/^HTTP\/1\.1 200 /);
    }
    slow.emit("released");
    assert.equal((await whole).status, 200);
  });

  it("outlasts its token's lifetime", async (t) => {
    const { half } = await start(t);
    const now = Math.floor(Date.now() / 1000);
    const connection = await half("/upload", makeToken({ iat: now - 5, exp: now + 1 }));
    await until(() => Date.now() / 1000 > now + 2);
    connection.write("}");
    await connection.until(/^HTTP\/1\.1 200 /);
  });

  it("never goes, if it had to wait for a connection to the application", async (t) => {
    const { gate, done, slow } = await start(t, ", maxConnections: 1, queueTimeout: 1m");
    const [token, revoked] = [makeToken(), makeToken()];
    const first = send(`${gate.url}/slow`, { headers: { token } });
    await until(() => done.includes("GET /slow"));
    const ask = (path: string, carried: string) =>
      send(gate.url + path, { headers: { token: carried } });
    const waiting = [ask("/one", revoked), ask("/two", revoked), ask("/live", token)];
    await until(async () => {
      const { text } = await send(`${gate.adminUrl}/metrics`);
      return /^revgate_upstream_queue 3$/m.test(text);
    });
    const reply = await send(`${gate.url}/bye`, { method: "POST", headers: { token: revoked } });
    assert.equal(reply.status, 204);
    slow.emit("released");
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    assert.deepEqual(statuses, [401, 401, 200]);
    assert.equal((await first).status, 200);
    assert.deepEqual(done, ["GET /slow", "GET /live"]);
  });
});
