import assert from "node:assert/strict";
import { request as begin, type IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const slow = "127.0.0.2";
const headers = { token: makeToken() };
const large = Buffer.alloc(20 * 1024 * 1024);

/** An application with two connections at most, and what of its requests has arrived. */
async function start(t: TestContext, yaml = "") {
  const arrived: string[] = [];
  const answers: (() => void)[] = [];
  const application = await startApplication(t, (request, response) => {
    arrived.push(request.url ?? "");
    if (request.url === "/work") answers.push(() => response.end("done"));
    else if (request.url === "/static/large") response.end(large);
    else request.resume().on("end", () => response.end("ok"));
  });
  const upstream = `upstream: { url: "${application.url}", maxConnections: 2, queueTimeout: 20s }`;
  const gate = await startGate(t, { upstream: application.url, yaml: `${upstream}\n${yaml}` });
  return { application, arrived, answers, gate };
}

/** A request of HTTP/1.1 from an address; its body is left to the caller. */
function ask(t: TestContext, gate: TestGate, method: string, path: string, from = slow) {
  const request = begin(`${gate.url}${path}`, {
    ...{ method, headers: { ...headers, ...(method === "POST" && { "content-length": 100 }) } },
    ...{ localAddress: from, agent: false },
  });
  request.on("error", () => {});
  t.after(() => request.destroy());
  const answered = new Promise<IncomingMessage>((resolve) => request.once("response", resolve));
  return { request, answered };
}

describe("connections to the application that slow clients keep", { concurrency: true }, () => {
  it("are had back for others from those that send nothing of a body", async (t) => {
    const { gate, arrived } = await start(t);
    const held = [ask(t, gate, "POST", "/login"), ask(t, gate, "POST", "/login")];
    for (const { request } of held) request.flushHeaders();
    await until(() => arrived.length === 2);
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
    const answer = await Promise.race(held.map(({ answered }) => answered));
    assert.equal(answer.statusCode, 408);
  });

  it("are had back for others over HTTP/2, too", async (t) => {
    const { gate, arrived } = await start(t);
    const session = connectHttp2(gate.url, {
      createConnection: () => connect({ host: "127.0.0.1", port: gate.port, localAddress: slow }),
    });
    session.on("error", () => {});
    t.after(() => session.destroy());
    const statuses: unknown[] = [];
    for (let i = 0; i < 2; i += 1) {
      const post = { ":method": "POST", ":path": "/login", "content-length": 100 };
      const stream = session.request(post, { endStream: false });
      stream.on("error", () => {}).on("response", (head) => statuses.push(head[":status"]));
    }
    await until(() => arrived.length === 2);
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
    assert.deepEqual(statuses, [408]);
  });

  it("are had back for others from those that take nothing of an answer", async (t) => {
    const { gate, arrived } = await start(t);
    const held = ["/static/large", "/static/large"].map((path) => ask(t, gate, "GET", path));
    for (const { request } of held) request.end();
    for (const answer of await Promise.all(held.map(({ answered }) => answered))) answer.pause();
    assert.equal(arrived.length, 2);
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
  });

  it("are had back for others from a network that keeps most of them by a byte now and then", async (t) => {
    const { gate, arrived } = await start(t);
    const held = [ask(t, gate, "POST", "/login"), ask(t, gate, "POST", "/login")];
    for (const { request } of held) request.flushHeaders();
    const timer = setInterval(() => {
      for (const { request } of held) request.write("x");
    }, 400);
    t.after(() => clearInterval(timer));
    await until(() => arrived.length === 2);
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
  });

  it("are left to what the application works on, and to a body that moves", async (t) => {
    const { gate, arrived, answers } = await start(t);
    const work = ask(t, gate, "GET", "/work");
    work.request.end();
    const upload = ask(t, gate, "POST", "/login");
    upload.request.flushHeaders();
    await until(() => arrived.length === 2);
    const timer = setInterval(() => upload.request.write("x"), 100);
    t.after(() => clearInterval(timer));
    const waiting = send(`${gate.url}/me`, { headers });
    // As long as a client that stands still would have been left.
    const atMs = performance.now() + 4000;
    await until(() => performance.now() > atMs);
    assert.deepEqual(arrived, ["/work", "/login"]);
    for (const answer of answers) answer();
    assert.equal((await work.answered).statusCode, 200);
    assert.equal((await waiting).status, 200);
    clearInterval(timer);
    upload.request.destroy();
  });

  it("are left to clients that stand still as long as no other waits", async (t) => {
    const { gate, arrived } = await start(t);
    const held = ask(t, gate, "POST", "/login");
    held.request.flushHeaders();
    await until(() => arrived.length === 1);
    const atMs = performance.now() + 4000;
    await until(() => performance.now() > atMs);
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
    held.request.end(Buffer.alloc(100));
    assert.equal((await held.answered).statusCode, 200);
  });
});
