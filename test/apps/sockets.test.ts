import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import jsonwebtoken from "jsonwebtoken";
import { listenOnLoopback } from "../helpers/application.ts";
import { send } from "../helpers/http.ts";
import { startRedis } from "../helpers/redis.ts";
import { until } from "../helpers/until.ts";
import { appsFolder } from "./install.ts";
import { startSidecar } from "./sidecars.ts";

const secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
const load = createRequire(join(appsFolder(), "package.json"));

const yaml = `
listen: { host: 127.0.0.1, port: 0 }
upstream: { url: http://127.0.0.1:1 }
tokens:
  from: [ { header: authorization, scheme: Bearer } ]
  algorithms: [HS256]
  keys: [ { secretFile: jwt-secret.txt } ]
routes:
  - { path: /graphql, firstMessage: { protocol: graphql, token: /Authorization, scheme: Bearer } }
  - { path: /socket.io/, firstMessage: { protocol: socket.io, token: /token } }
  - { path: /logout, methods: [POST], revoke: token }
denylist:
  dataDir: data
  redis: { url: redis://127.0.0.1:6379 }
`.replace("token: /Authorization", "token: /payload/Authorization");

/** Two revgates that share a Redis, in front of a server of sockets. */
async function startPair(t: TestContext, server: Server): Promise<[string, string]> {
  server.on("request", (request, response) => {
    if (request.url === "/logout") response.end("bye");
  });
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const place = { upstream, secret, redisUrl: (await startRedis(t)).url };
  return [await startSidecar(t, yaml, place), await startSidecar(t, yaml, place)];
}

const makeToken = (sub: number) =>
  jsonwebtoken.sign({ sub: String(sub) }, secret, { expiresIn: 600 });
const logOut = (url: string, token: string) =>
  send(`${url}/logout`, { method: "POST", headers: { authorization: `Bearer ${token}` } });

interface GraphqlClient {
  on(event: string, listener: (event: { readonly code: number }) => void): void;
  iterate(payload: { readonly query: string }): AsyncIterator<{ readonly data: unknown }>;
  dispose(): void;
}

describe("graphql-ws behind two revgates", () => {
  it("subscribes with a live token, is closed at its logout elsewhere, and does not come back", async (t) => {
    const { buildSchema } = load("graphql") as {
      buildSchema: (text: string) => object;
    };
    const { useServer } = load("graphql-ws/use/ws") as {
      useServer: (options: object, server: object) => unknown;
    };
    const { createClient } = load("graphql-ws") as {
      createClient: (options: object) => GraphqlClient;
    };
    const { WebSocket, WebSocketServer } = load("ws") as {
      WebSocket: object;
      WebSocketServer: new (options: object) => { close(): void };
    };
    const server = createServer();
    const sockets = new WebSocketServer({ server, path: "/graphql" });
    t.after(() => sockets.close());
    const ticks = new EventEmitter();
    const logins: unknown[] = [];
    useServer(
      {
        schema: buildSchema("type Query { a: Int } type Subscription { tick: Int }"),
        roots: {
          subscription: {
            async *tick() {
              yield { tick: 0 };
              for await (const [tick] of on(ticks)) yield { tick };
            },
          },
        },
        onConnect: ({ connectionParams }: { connectionParams: unknown }) => {
          logins.push(connectionParams);
        },
      },
      sockets,
    );
    const [first, second] = await startPair(t, server);
    const connect = (url: string, token: string) => {
      const client = createClient({
        url: `${url.replace("http", "ws")}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { Authorization: `Bearer ${token}` },
        retryAttempts: 0,
      });
      t.after(() => client.dispose());
      const closed = new Promise<number>((resolve) => {
        client.on("closed", ({ code }) => resolve(code));
      });
      return { results: client.iterate({ query: "subscription { tick }" }), closed };
    };
    const [phone, laptop] = [makeToken(1), makeToken(2)];
    const one = connect(second, phone);
    const other = connect(second, laptop);
    assert.deepEqual((await one.results.next()).value.data, { tick: 0 });
    assert.deepEqual((await other.results.next()).value.data, { tick: 0 });

    const ended = assert.rejects(one.results.next());
    assert.equal((await logOut(first, phone)).status, 200);
    assert.equal(await one.closed, 4403);
    await ended;
    const again = connect(second, phone);
    await assert.rejects(again.results.next());
    assert.equal(await again.closed, 4403);
    assert.equal(logins.length, 2);
    ticks.emit("tick", 7);
    assert.deepEqual((await other.results.next()).value.data, { tick: 7 });
  });
});

/** All values of one event. */
async function* on(ticks: EventEmitter): AsyncGenerator<[number]> {
  for (;;) yield (await once(ticks, "tick")) as [number];
}

interface SocketIo {
  on(event: string, listener: (...args: never[]) => void): void;
  emit(event: string, ...args: unknown[]): void;
  disconnect(): void;
}

describe("socket.io behind two revgates", () => {
  it("connects with a live token, is cut at its logout elsewhere, and is told why when it comes again", async (t) => {
    const { Server: SocketServer } = load("socket.io") as {
      Server: new (server: Server) => SocketIo & { close(): Promise<void> };
    };
    const { io } = load("socket.io-client") as {
      io: (url: string, options: object) => SocketIo;
    };
    const server = createServer();
    const application = new SocketServer(server);
    t.after(() => application.close());
    let connections = 0;
    application.on("connection", (socket: SocketIo) => {
      connections += 1;
      socket.on("say", (text: string, answer: (said: string) => void) => answer(`heard ${text}`));
    });
    const [first, second] = await startPair(t, server);
    const connect = (token: string) => {
      const socket = io(second, { transports: ["websocket"], auth: { token }, forceNew: true });
      t.after(() => socket.disconnect());
      const seen: string[] = [];
      for (const event of ["connect", "disconnect"]) socket.on(event, () => seen.push(event));
      socket.on("connect_error", ({ message }: Error) => seen.push(message));
      return { socket, seen };
    };
    const [phone, laptop] = [makeToken(1), makeToken(2)];
    const [one, other] = [connect(phone), connect(laptop)];
    await until(() => one.seen[0] === "connect" && other.seen[0] === "connect");
    const heard = new Promise((resolve) => one.socket.emit("say", "hello", resolve));
    assert.equal(await heard, "heard hello");

    assert.equal((await logOut(first, phone)).status, 200);
    // It comes again by itself, is told why it may not, and gives up.
    await until(() => one.seen.length === 3);
    assert.deepEqual(one.seen, ["connect", "disconnect", "token_revoked"]);
    const stranger = connect("a.b.c");
    await until(() => stranger.seen.length > 0);
    assert.deepEqual(stranger.seen, ["token_invalid"]);
    assert.equal(connections, 2);
    assert.deepEqual(other.seen, ["connect"]);
  });
});
