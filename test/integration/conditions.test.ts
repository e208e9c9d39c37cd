import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const yaml = `
routes:
  - { path: /graphql, graphql: { mutation: [logout, signOut] }, revoke: token }
  - { path: /graphql, access: optional }
  - { path: /strict, graphql: { mutation: logout }, revoke: token, success: { responseJson: /data/logout, in: [true] } }
  - { path: /users/me, methods: [PATCH], when: { requestJson: /password }, revoke: subject }
  - { path: /act, when: { host: a.example, headers: { x-action: [logout] } }, revoke: token }
`;

/** A revgate before an application that answers as a test says. */
async function start(t: TestContext) {
  const told = { body: "{}", type: "application/json" };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.setHeader("Content-Type", told.type);
      response.end(request.url === "/me" ? "ok" : told.body);
    });
  });
  new WebSocketServer({ server }).on("connection", (socket) => socket.send("hello"));
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const gate = await startGate(t, { upstream, yaml });
  const isLive = async (token: string) =>
    (await send(`${gate.url}/me`, { headers: { token } })).status === 200;
  interface Asked {
    readonly path?: string;
    readonly method?: string;
    readonly body?: string;
    readonly headers?: Record<string, string>;
    readonly answer?: string;
    readonly type?: string;
  }
  return {
    gate,
    isLive,
    /** Whether a token is dead behind the answer. */
    async ends(asked: Asked): Promise<boolean> {
      told.body = asked.answer ?? "{}";
      told.type = asked.type ?? "application/json";
      const { path = "/graphql", method = "POST", body } = asked;
      const token = makeToken();
      const headers = { token, "content-type": "application/json", ...asked.headers };
      const reply = await send(`${gate.url}${path}`, { method, headers, ...(body && { body }) });
      assert.deepEqual([reply.status, reply.text], [200, told.body]);
      return !(await isLive(token));
    },
  };
}

const asking = (query: string) => JSON.stringify({ query });

describe("graphql", () => {
  it("ends the token if its mutation was carried out, under any key", async (t) => {
    const { ends } = await start(t);
    const done = '{"data":{"logout":true}}';
    const failed = '{"data":null,"errors":[{"message":"no","path":["logout"]}]}';
    const logout = asking("mutation { logout }");
    assert.equal(await ends({ body: logout, answer: done }), true);
    assert.equal(await ends({ body: logout, answer: '{"data":{"logout":null}}' }), true);
    assert.equal(await ends({ body: logout, answer: failed }), false);
    const half = '{"data":{"logout":null},"errors":[{"message":"no"}]}';
    assert.equal(await ends({ body: logout, answer: half }), false);
    const bye = { body: asking("mutation { bye: logout }") };
    assert.equal(await ends({ ...bye, answer: '{"data":{"bye":true}}' }), true);
    assert.equal(await ends({ ...bye, answer: '{"data":{"logout":true}}' }), false);
    const batch = JSON.stringify([{ query: "{ me }" }, { query: "mutation { a: signOut }" }]);
    assert.equal(await ends({ body: batch, answer: '[{"data":{"me":1}},{"data":{"a":1}}]' }), true);
    const path = `/graphql?query=${encodeURIComponent("mutation{logout}")}`;
    assert.equal(await ends({ path, method: "GET", answer: done }), true);
    // What is asked, not what the answer looks like.
    assert.equal(await ends({ body: asking("{ logout: me }"), answer: done }), false);
    assert.equal(await ends({ path: "/strict", body: logout, answer: done }), true);
    const no = '{"data":{"logout":false}}';
    assert.equal(await ends({ path: "/strict", body: logout, answer: no }), false);
  });

  it("judges what it can't read by the answer", async (t) => {
    const { ends } = await start(t);
    const persisted = JSON.stringify({ extensions: { persistedQuery: { sha256Hash: "x" } } });
    const done = '{"data":{"logout":true}}';
    assert.equal(await ends({ body: persisted, answer: done }), true);
    assert.equal(await ends({ body: persisted, answer: '{"data":{"me":1}}' }), false);
    assert.equal(await ends({ body: persisted, answer: "<p>", type: "text/html" }), false);
    const form = { headers: { "content-type": "application/x-www-form-urlencoded" } };
    assert.equal(await ends({ ...form, body: "query=mutation{logout}", answer: done }), true);
    // Of what was read, an answer that can't be is an unknown outcome.
    const logout = asking("mutation { logout }");
    assert.equal(await ends({ body: logout, answer: "<p>", type: "text/html" }), true);
    const long = JSON.stringify({ query: "{ me }", more: "x".repeat(70_000) });
    assert.equal(await ends({ body: long, answer: '{"data":{"me":1}}' }), false);
  });

  it("leaves access to other rules, and WebSockets of the same path alone", async (t) => {
    const { gate, ends } = await start(t);
    assert.equal((await send(`${gate.url}/graphql`, { method: "POST" })).status, 200);
    const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/graphql`, "graphql-transport-ws", {
      headers: { token: makeToken() },
    });
    t.after(() => socket.terminate());
    assert.equal(String((await once(socket, "message"))[0]), "hello");
    assert.equal(await ends({ body: asking("{ me }") }), false);
  });
});

describe("when", () => {
  it("has a rule revoke only if host, headers and body are so", async (t) => {
    const { ends } = await start(t);
    const patch = { path: "/users/me", method: "PATCH" };
    assert.equal(await ends({ ...patch, body: '{"password":"x"}' }), true);
    assert.equal(await ends({ ...patch, body: '{"name":"x"}' }), false);
    const act = { path: "/act", method: "POST" };
    const host = "A.example:80";
    assert.equal(await ends({ ...act, headers: { host, "x-action": "logout" } }), true);
    assert.equal(await ends({ ...act, headers: { host, "x-action": "other" } }), false);
    assert.equal(await ends({ ...act, headers: { "x-action": "logout" } }), false);
  });
});
