import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const now = () => Math.floor(Date.now() / 1000);
const active = () => ({ active: true, sub: "alice", iat: now() - 10, exp: now() + 600 });

/** An issuer that knows some tokens, before an application, and a revgate between. */
async function start(t: TestContext) {
  /** A text is answered as it stands. */
  const told = new Map<string, object | string>();
  const asked: string[] = [];
  const state = { status: 200, held: new Map<string, Promise<unknown>>() };
  const issuer = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const expected = `Basic ${Buffer.from("rev%3Agate:s%20cret").toString("base64")}`;
    const isKnown = request.headers.authorization === expected && request.method === "POST";
    asked.push(form.get("token") ?? "");
    await state.held.get(form.get("token") ?? "");
    response.writeHead(isKnown ? state.status : 401, { "Content-Type": "application/json" });
    const answer = told.get(form.get("token") ?? "") ?? { active: false };
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  });
  const port = await listenOnLoopback(t, issuer);
  const application = await startApplication(t, (request, response) => {
    request.resume();
    response.end(String(request.headers["x-user-id"] ?? "nobody"));
  });
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "secret.txt"), "s cret\n");
  const yaml = `
tokens:
  keys: [ { publicKeyFile: public.pem } ]
  audience: shop
  forwardClaims: { sub: x-user-id }
  introspection: { url: "http://127.0.0.1:${port}/introspect", clientId: "rev:gate", clientSecretFile: secret.txt, cacheFor: 1s, timeout: 30s }
routes:
  - { path: /logout, methods: [POST], revoke: token }
  - { path: /everywhere, methods: [POST], revoke: subject }`;
  const gate = await startGate(t, { upstream: application.url, yaml, directory });
  const get = (token: string) => send(`${gate.url}/me`, { headers: { token } });
  const post = (path: string, token: string) =>
    send(`${gate.url}${path}`, { method: "POST", headers: { token } });
  const metrics = async () => (await send(`${gate.adminUrl}/metrics`)).text;
  return { told, asked, state, gate, get, post, metrics };
}

describe("tokens that only the issuer can read", { concurrency: 3 }, () => {
  it("pass while it calls them active, are asked about once in a while, and end when it says so", async (t) => {
    const { told, asked, get, metrics } = await start(t);
    told.set("live", active());
    const replies = await Promise.all(Array.from({ length: 20 }, () => get("live")));
    assert.deepEqual(
      [...new Set(replies.map(({ status, text }) => `${status} ${text}`))],
      ["200 alice"],
    );
    // One question, and few more if the answer was over in between.
    assert.ok(asked.length < 10, `${asked.length}`);
    assert.equal((await get("unknown")).json["error"], "token_invalid");
    told.delete("live");
    await until(async () => (await get("live")).status === 401);
    assert.match(await metrics(), /^revgate_introspections_total\{result="inactive"\} [2-9]$/m);
  });

  it("are refused as soon as they are revoked here, whatever was said of them", async (t) => {
    const { told, get, post } = await start(t);
    for (const token of ["phone", "laptop", "tablet"]) told.set(token, active());
    assert.equal((await get("tablet")).status, 200);
    assert.equal((await post("/logout", "phone")).status, 200);
    assert.equal((await get("phone")).json["error"], "token_revoked");
    assert.equal((await get("tablet")).status, 200);
    assert.equal((await post("/everywhere", "laptop")).status, 200);
    for (const token of ["laptop", "tablet"]) {
      assert.equal((await get(token)).json["error"], "token_revoked");
    }
  });

  it("are refused if they are revoked while the issuer is asked, though it calls them active", async (t) => {
    const { told, asked, state, get, post } = await start(t);
    for (const token of ["phone", "laptop"]) told.set(token, active());
    told.set("other", { ...active(), sub: "bob" });
    const mayAnswer = new EventEmitter();
    const held = once(mayAnswer, "now");
    for (const token of ["phone", "other"]) state.held.set(token, held);
    const waiting = ["phone", "other"].map((token) => get(token));
    await until(() => asked.includes("phone") && asked.includes("other"));
    assert.equal((await post("/everywhere", "laptop")).status, 200);
    mayAnswer.emit("now");
    const replies = await Promise.all(waiting);
    assert.deepEqual(
      replies.map((reply) => (reply.status === 200 ? "passes" : reply.json["error"])),
      ["token_revoked", "passes"],
    );
  });

  it("are revoked by a subject of more digits than a number holds", async (t) => {
    const { told, get, post } = await start(t);
    for (const [token, digit] of Object.entries({ phone: 0, laptop: 0, other: 1 })) {
      const { sub: _sub, ...claims } = active();
      told.set(token, JSON.stringify(claims).replace("{", `{"sub":1234567890123456789${digit},`));
      assert.deepEqual([(await get(token)).text], [`1234567890123456789${digit}`]);
    }
    assert.equal((await post("/everywhere", "phone")).status, 200);
    const statuses = [(await get("laptop")).status, (await get("other")).status];
    assert.deepEqual(statuses, [401, 200]);
  });

  it("are not asked about if they are JWTs, forged ones included, or can be none", async (t) => {
    const { asked, get } = await start(t);
    const jwt = makeToken({ aud: "shop" });
    assert.equal((await get(jwt)).status, 200);
    for (const token of [`${jwt.slice(0, -8)}AAAAAAAA`, "a b", "x".repeat(20_000)]) {
      assert.notEqual((await get(token)).status, 200);
    }
    assert.deepEqual(asked, []);
  });

  it("are refused if they could not be revoked, or are meant for somebody else", async (t) => {
    const { told, get } = await start(t);
    const { exp: _exp, ...endless } = active();
    const { iat: _iat, ...undated } = active();
    told.set("endless", endless).set("undated", undated);
    told.set("another", { ...active(), aud: ["bank"] }).set("ours", { ...active(), aud: ["shop"] });
    told.set("over", { ...active(), exp: now() - 100 });
    const statuses = await Promise.all(
      ["endless", "undated", "another", "over", "ours"].map(
        async (token) => (await get(token)).status,
      ),
    );
    assert.deepEqual(statuses, [401, 401, 401, 401, 200]);
  });

  it("get 503 while the issuer does not answer, and pass when it does", async (t) => {
    const { told, state, gate, get, metrics } = await start(t);
    told.set("live", active());
    state.status = 500;
    const reply = await get("live");
    assert.deepEqual([reply.status, reply.json["error"]], [503, "keys_unavailable"]);
    assert.match(await metrics(), /^revgate_introspections_total\{result="failed"\} [1-9]/m);
    assert.match(gate.logged(), /an introspection failed/);
    assert.ok(!gate.logged().includes("cret"));
    state.status = 200;
    told.set("S3cr3tT0k3n", "S3cr3tT0k3n is no good");
    for (let i = 0; i < 20; i += 1) assert.equal((await get("S3cr3tT0k3n")).status, 503);
    assert.ok(!gate.logged().includes("S3cr3t"));
    const lines = gate.logged().split("an introspection failed").length - 1;
    assert.ok(lines < 15, `${lines} lines`);
    assert.equal((await get("live")).status, 200);
  });
});
