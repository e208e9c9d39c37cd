import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import jsonwebtoken from "jsonwebtoken";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const json = { "content-type": "application/json" };
const form = { "content-type": "application/x-www-form-urlencoded" };

const routes = `
limits: { bodyBytes: BYTES }
upstream: { url: "UPSTREAM", responseTimeout: 2s }
routes:
  - { path: /reset/by-json, methods: [POST], access: public, revoke: subject, subjectFrom: { requestJson: /user/id } }
  - { path: /reset/by-form, methods: [POST], access: public, revoke: subject, subjectFrom: { form: user } }
  - { path: /reset/by-answer, methods: [POST], access: public, revoke: subject, subjectFrom: { responseJson: /user/id } }
  - { path: /reset/by-header, methods: [POST], access: public, revoke: subject, subjectFrom: { responseHeader: X-User } }
  - { path: /admin/reset, methods: [POST], revoke: subject, subjectFrom: { requestJson: /user } }
  - { path: /anything, from: [ { requestJson: /refresh_token } ] }
  - { path: /refresh, methods: [POST], from: [ { requestJson: /refresh_token } ], tokens: opaque }
  - path: /logout
    methods: [POST]
    revoke: token
    alsoRevoke: [ { requestJson: /refresh_token }, { form: refresh_token } ]`;

/** Answers with what it has read: its length and its text. */
async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  response.end(Buffer.concat(chunks));
}

async function start(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => unknown = echo,
  bodyBytes = 1024,
) {
  const application = await startApplication(t, (request, response) => {
    if (request.url?.startsWith("/me")) response.end("ok");
    else void answer(request, response);
  });
  const yaml = routes.replace("UPSTREAM", application.url).replace("BYTES", String(bodyBytes));
  const gate = await startGate(t, { upstream: application.url, yaml });
  return { application, gate };
}

async function statusOf(gate: TestGate, token: string): Promise<number> {
  return (await send(`${gate.url}/me`, { headers: { token } })).status;
}

async function notFound(gate: TestGate): Promise<number> {
  const { text } = await send(`${gate.adminUrl}/metrics`);
  return Number(/^revgate_subjects_not_found_total (\d+)$/m.exec(text)?.[1]);
}

describe("a reset without a token", () => {
  it("ends the tokens of the subject that the request names", async (t) => {
    const { gate } = await start(t);
    for (const [index, [path, headers, body]] of (
      [
        ["/reset/by-json", json, (user: string) => JSON.stringify({ user: { id: user } })],
        ["/reset/by-json", json, (user: string) => JSON.stringify({ User: { ID: user } })],
        ["/reset/by-json", form, (user: string) => `code=1&user[id]=${user}`],
        ["/reset/by-form", form, (user: string) => `code=1&user=${user}`],
        ["/reset/by-form", json, (user: string) => JSON.stringify({ user })],
      ] as const
    ).entries()) {
      const [user, other] = [`${index}-a`, `${index}-b`];
      const [token, others] = [makeToken({ sub: user }), makeToken({ sub: other })];
      assert.equal(await statusOf(gate, token), 200);
      const reply = await send(`${gate.url}${path}`, { method: "POST", headers, body: body(user) });
      assert.equal(reply.status, 200);
      assert.equal(reply.text, body(user), "the application has had all of it");
      assert.deepEqual([await statusOf(gate, token), await statusOf(gate, others)], [401, 200]);
      assert.equal(await statusOf(gate, makeToken({ sub: user })), 200, "a login afterwards");
    }
    assert.equal(await notFound(gate), 0);
  });

  it("survives the longest body that may be read, whatever its shape", async (t) => {
    const { gate } = await start(
      t,
      (request, response) => request.resume() && response.end(),
      1_048_576,
    );
    const longest = (text: string) => `[${`${text},`.repeat(1_048_570 / (text.length + 1))}0]`;
    const deepest = `${"[".repeat(500_000)}${"]".repeat(500_000)}`;
    for (const body of [longest("0"), longest('""'), longest("[]"), longest("{}"), deepest]) {
      const reply = await send(`${gate.url}/reset/by-json`, {
        method: "POST",
        headers: json,
        body,
      });
      assert.equal(reply.status, 200, body.slice(0, 10));
    }
    assert.equal(await statusOf(gate, makeToken()), 200);
  });

  it("ends the tokens of the subject that the response names", async (t) => {
    const { gate, application } = await start(t, (request, response) => {
      response.setHeader("content-type", "application/json; charset=utf-8");
      if (request.url === "/reset/by-header") response.setHeader("x-user", "4711");
      response.end(JSON.stringify({ user: { id: 4711 } }));
    });
    for (const path of ["/reset/by-answer", "/reset/by-header"]) {
      const [token, others] = [makeToken({ sub: "4711" }), makeToken({ sub: "4712" })];
      assert.equal(await statusOf(gate, token), 200);
      const headers = { "accept-encoding": "gzip", Accept_Encoding: "br" };
      const reply = await send(`${gate.url}${path}`, { method: "POST", headers });
      assert.deepEqual([reply.status, reply.json], [200, { user: { id: 4711 } }]);
      assert.deepEqual([await statusOf(gate, token), await statusOf(gate, others)], [401, 200]);
    }
    const [byAnswer, byHeader] = application.seen.filter(({ url }) => url?.startsWith("/reset"));
    assert.equal(byAnswer?.headers["accept-encoding"], "identity");
    assert.equal(byAnswer?.headers["accept_encoding"], undefined);
    assert.equal(byHeader?.headers["accept-encoding"], "gzip", "that one's body is not read");
  });

  it("is named by an answer that comes in pieces", async (t) => {
    const { gate } = await start(t, async (_request, response) => {
      response.setHeader("content-type", "application/json");
      for (const piece of ['{"user":', '{"id":"pieces"', "}}"]) {
        response.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    });
    const token = makeToken({ sub: "pieces" });
    const reply = await send(`${gate.url}/reset/by-answer`, { method: "POST" });
    assert.deepEqual(reply.json, { user: { id: "pieces" } });
    assert.equal(await statusOf(gate, token), 401);
  });

  for (const [what, answer] of [
    [
      "is of another type",
      (_: unknown, response: ServerResponse) =>
        response.setHeader("content-type", "text/plain").end('{"user":{"id":"alice"}}'),
    ],
    ["names nobody", (_: unknown, response: ServerResponse) => jsonly(response).end("{}")],
    ["is no JSON", (_: unknown, response: ServerResponse) => jsonly(response).end("{")],
    [
      "has no body",
      (_: unknown, response: ServerResponse) => jsonly(response).writeHead(204).end(),
    ],
    [
      "is compressed all the same",
      (_: unknown, response: ServerResponse) =>
        jsonly(response)
          .setHeader("content-encoding", "gzip")
          .end(gzipSync('{"user":{"id":"alice"}}')),
    ],
    [
      "is too long",
      (_: unknown, response: ServerResponse) =>
        jsonly(response).end(JSON.stringify({ padding: "x".repeat(5000), user: { id: "alice" } })),
    ],
    [
      "does not come to its end",
      (_: unknown, response: ServerResponse) => void jsonly(response).write('{"user":'),
    ],
  ] as const) {
    it(`goes through and is reported where the answer ${what}`, async (t) => {
      const { gate } = await start(t, answer);
      const token = makeToken();
      const { port } = new URL(gate.url);
      const client = await openRaw(t, Number(port));
      client.write("POST /reset/by-answer HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
      await client.until(/HTTP\/1\.1 20[04] /);
      assert.equal(await statusOf(gate, token), 200);
      assert.equal(await notFound(gate), 1);
      assert.match(gate.logged(), /subjectFrom found no subject/);
    });
  }

  it("names nobody in a header that is there twice", async (t) => {
    const { gate } = await start(t, (_request, response) =>
      response.setHeader("x-user", ["alice", "bob"]).end(),
    );
    const token = makeToken();
    assert.equal((await send(`${gate.url}/reset/by-header`, { method: "POST" })).status, 200);
    assert.deepEqual([await statusOf(gate, token), await notFound(gate)], [200, 1]);
  });

  it("is reported as soon as the answer breaks off in the middle", async (t) => {
    const { gate } = await start(t, (request, response) => {
      jsonly(response).write('{"user":', () => request.socket.destroy());
    });
    assert.equal((await send(`${gate.url}/reset/by-answer`, { method: "POST" })).status, 502);
    assert.equal(await notFound(gate), 1);
  });

  it("passes a long answer on as it is", async (t) => {
    const long = JSON.stringify({ padding: "x".repeat(500_000) });
    const { gate } = await start(t, (_request, response) => jsonly(response).end(long));
    const reply = await send(`${gate.url}/reset/by-answer`, { method: "POST" });
    assert.equal(reply.text, long);
  });

  it("goes through and is reported where the request names nobody, or somebody in two ways", async (t) => {
    const { gate } = await start(t);
    const token = makeToken();
    const long = JSON.stringify({ padding: "x".repeat(100_000), user: { id: "alice" } });
    for (const [index, body] of [
      "{}",
      '{"user":{"id":"alice","id":"bob"}}',
      "",
      "user=alice",
      '{"user":{"ID":["alice","bob"]}}',
      long,
    ].entries()) {
      const sent = { method: "POST", headers: json, body };
      const reply = await send(`${gate.url}/reset/by-json`, sent);
      assert.deepEqual([reply.status, reply.text], [200, body]);
      assert.equal(await notFound(gate), index + 1);
    }
    assert.equal(await statusOf(gate, token), 200);
  });

  it("ends nothing where the application says no", async (t) => {
    const { gate } = await start(t, (_request, response) => response.writeHead(400).end());
    const token = makeToken();
    const sent = { method: "POST", headers: json, body: '{"user":{"id":"alice"}}' };
    assert.equal((await send(`${gate.url}/reset/by-json`, sent)).status, 400);
    assert.equal((await send(`${gate.url}/reset/by-answer`, { method: "POST" })).status, 400);
    assert.equal(await statusOf(gate, token), 200);
    assert.equal(await notFound(gate), 0);
  });

  it("counts as done where nobody can know, but for whom the request alone names", async (t) => {
    const { gate } = await start(t, (request) => request.socket.destroy());
    const token = makeToken();
    const sent = { method: "POST", headers: json, body: '{"user":{"id":"alice"}}' };
    assert.equal((await send(`${gate.url}/reset/by-json`, sent)).status, 502);
    assert.equal(await statusOf(gate, token), 200);
    assert.equal((await send(`${gate.url}/reset/by-answer`, { method: "POST" })).status, 502);
    assert.equal(await notFound(gate), 1);
  });

  it("ends the sessions of whom an administrator names, and not the administrator's", async (t) => {
    const { gate } = await start(t);
    const [admin, user] = [makeToken({ sub: "admin" }), makeToken({ sub: "user" })];
    const sent = { method: "POST", body: '{"user":"user"}' };
    const refused = await send(`${gate.url}/admin/reset`, { ...sent, headers: json });
    assert.equal(refused.json["error"], "token_missing");
    assert.equal(await statusOf(gate, user), 200);
    const headers = { ...json, token: admin };
    assert.equal((await send(`${gate.url}/admin/reset`, { ...sent, headers })).status, 200);
    assert.deepEqual([await statusOf(gate, user), await statusOf(gate, admin)], [401, 200]);
  });

  it("waits for nobody's body on other routes", async (t) => {
    const { gate, application } = await start(t, (_request, response) => response.end("early"));
    const client = await openRaw(t, gate.port);
    const length = "Content-Type: application/json\r\nContent-Length: 10";
    client.write(`POST /upload HTTP/1.1\r\nHost: x\r\ntoken: ${makeToken()}\r\n${length}\r\n\r\n`);
    await client.until(/early/);
    assert.equal(application.seen.length, 1);
  });
});

describe("a body that is read before it is forwarded", () => {
  it("is asked for where the client waits for that", async (t) => {
    const { gate } = await start(t);
    const client = await openRaw(t, gate.port);
    const body = '{"user":{"id":"alice"}}';
    client.write(
      `POST /reset/by-json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.write(body);
    await client.until(/200 OK[\s\S]*"alice"/);
    assert.equal(client.received().match(/100 Continue/g)?.length, 1);
  });

  it("is not waited for if the head says why the request is refused", async (t) => {
    const { gate, application } = await start(t);
    const dead = makeToken();
    const sent = { method: "POST", headers: { token: dead } };
    assert.equal((await send(`${gate.url}/logout`, sent)).status, 200);
    const client = await openRaw(t, gate.port);
    const begun = application.seen.length;
    for (const [line, reason] of [
      ["X: y", "token_missing"],
      ["token: x.y.z", "token_invalid"],
      [`token: ${dead}`, "token_revoked"],
      [`token: ${dead}\r\ntoken: ${dead}`, "token_ambiguous"],
    ] as const) {
      const head = `POST /logout HTTP/1.1\r\nHost: x\r\n${line}\r\nContent-Length: 1\r\n\r\n`;
      client.write(head);
      await client.until(new RegExp(`401[^{]*\\{[^}]*${reason}[^}]*\\}$`));
      client.write("x");
    }
    assert.equal(application.seen.length, begun);
  });

  it("is sent on whole, in chunks too, however long it is", async (t) => {
    const { gate } = await start(t);
    const body = JSON.stringify({ user: { id: "alice" }, padding: "x".repeat(300_000) });
    const sent = { method: "POST", headers: json, body };
    assert.equal((await send(`${gate.url}/reset/by-json`, sent)).text, body);
    const client = await openRaw(t, gate.port);
    const head = `POST /reset/by-json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    client.write(head);
    for (let i = 0; i < 4; i += 1) client.write(`200\r\n${String(i).repeat(0x200)}\r\n`);
    client.write("0\r\n\r\n");
    await client.until(/\r\n\r\n0{512}1{512}2{512}3{512}$/);
  });

  it("leaves the connection usable where the request is refused in the middle of it", async (t) => {
    const { gate } = await start(t);
    const client = await openRaw(t, gate.port);
    const length = 1_000_000;
    client.write(
      `POST /refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    client.write(`${length.toString(16)}\r\n${"x".repeat(length / 2)}`);
    await client.until(/401[\s\S]*token_ambiguous/);
    client.write(`${"x".repeat(length / 2)}\r\n0\r\n\r\n`);
    client.write(`GET /me HTTP/1.1\r\nHost: x\r\ntoken: ${makeToken()}\r\n\r\n`);
    await client.until(/200 OK[\s\S]*ok/);
  });

  it("is not waited for on an upgrade, which has none", async (t) => {
    const { gate } = await start(t);
    const client = await openRaw(t, gate.port);
    client.write(
      "GET /anything HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert.match(await client.untilClosed(), /401[\s\S]*token_missing/);
  });

  it("is not forwarded when the client leaves in the middle of it", async (t) => {
    const { gate, application } = await start(t);
    const client = await openRaw(t, gate.port);
    client.write(
      "POST /reset/by-json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    );
    // It has arrived when the next answer on another connection has.
    await statusOf(gate, makeToken());
    client.socket.destroy();
    await once(client.socket, "close");
    while (!gate.logged().includes('"outcome":"client_gone"')) await statusOf(gate, makeToken());
    assert.equal(application.seen.filter(({ url }) => url === "/reset/by-json").length, 0);
    assert.equal(await notFound(gate), 0);
  });
});

describe("a token in a body", () => {
  const opaque = "opaque-refresh-token-123";
  const refresh = (token: string) => JSON.stringify({ refresh_token: token });

  async function post(gate: TestGate, path: string, body: string, headers: object) {
    const sent = { method: "POST", headers: headers as Record<string, string>, body };
    const reply = await send(`${gate.url}${path}`, sent);
    return reply.status === 200 ? 200 : `${reply.status} ${reply.json["error"]}`;
  }

  it("ends with the one in the header, and is refused where it is used", async (t) => {
    const { gate } = await start(t);
    for (const text of [opaque, makeToken({ typ: "refresh" })]) {
      assert.equal(await post(gate, "/refresh", refresh(text), json), 200);
      const headers = { ...json, token: makeToken() };
      assert.equal(await post(gate, "/logout", refresh(text), headers), 200);
      assert.equal(await post(gate, "/refresh", refresh(text), json), "401 token_revoked");
      assert.equal(await post(gate, "/refresh", refresh(`x${text}`), json), 200);
    }
    for (const [name, body, type] of [
      ["in-a-form", "refresh_token=in-a-form", form],
      ["in-another-case", '{"REFRESH_token":"in-another-case"}', json],
      ["in-a-list", '{"refresh_token":["in-a-list"]}', json],
    ] as const) {
      assert.equal(await post(gate, "/logout", body, { ...type, token: makeToken() }), 200);
      assert.equal(await post(gate, "/refresh", refresh(name), json), "401 token_revoked");
    }
  });

  it("cannot be hidden from revgate and shown to the application", async (t) => {
    const { gate } = await start(t);
    const headers = { ...json, token: makeToken() };
    assert.equal(await post(gate, "/logout", refresh(opaque), headers), 200);
    const fresh = "another";
    for (const [body, type, error] of [
      [`{"refresh_token":"${fresh}","refresh_token":"${opaque}"}`, json, "token_ambiguous"],
      [`{"refresh_token":"${fresh}","Refresh_Token":"${opaque}"}`, json, "token_ambiguous"],
      [`{"refresh_token":"${fresh}","x":"&refresh_token=${opaque}&"}`, form, "token_ambiguous"],
      [refresh(fresh), { "content-type": "application/json; charset=utf-7" }, "token_ambiguous"],
      [refresh(fresh), {}, "token_ambiguous"],
      [`{"Refresh_Token":"${opaque}"}`, json, "token_ambiguous"],
      [`{"refresh_token":["${opaque}"]}`, json, "token_ambiguous"],
      [`refresh_token=${opaque}`, form, "token_ambiguous"],
      ["x=1", form, "token_missing"],
      ["", json, "token_missing"],
      [JSON.stringify({ refresh_token: fresh, x: "x".repeat(2000) }), json, "token_ambiguous"],
    ] as const) {
      assert.equal(await post(gate, "/refresh", body, type), `401 ${error}`, body.slice(0, 80));
    }
  });

  it("is not left alive by a logout of which nobody can tell what it carries", async (t) => {
    const { gate } = await start(t);
    const token = makeToken();
    for (const [body, type] of [
      ["x=1", { "content-type": "multipart/form-data; boundary=x" }],
      [`{"refresh_token":"a","refresh_token":"b"}`, json],
      ["x".repeat(5000), json],
    ] as const) {
      const headers = { ...type, token };
      assert.equal(await post(gate, "/logout", body, headers), "401 token_ambiguous");
    }
    assert.equal(await post(gate, "/logout", "", { token }), 200);
  });

  it("is checked like every other: a forged, an expired one of the issuer's", async (t) => {
    const { gate } = await start(t);
    const past = Math.floor(Date.now() / 1000) - 60;
    const expired = makeToken({ iat: past - 60, exp: past });
    assert.equal(await post(gate, "/refresh", refresh(expired), json), "401 token_expired");
    const strangers = jsonwebtoken.sign({ sub: "alice" }, "a secret of the application's own");
    assert.equal(await post(gate, "/refresh", refresh(strangers), json), 200, "opaque to revgate");
  });
});

function jsonly(response: ServerResponse): ServerResponse {
  return response.setHeader("content-type", "application/json");
}
