import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { describe, it } from "node:test";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { connectGrpc, type GrpcShop, startGrpcShop } from "../helpers/grpc-shop.ts";
import { send } from "../helpers/http.ts";
import { begin, connectHttp2, readReply, sendHttp2 } from "../helpers/http2.ts";
import { patience } from "../helpers/redis.ts";
import { endWithAll } from "../helpers/shared.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const routes = `
routes:
  - { path: /demo.Shop/Logout, methods: [POST], revoke: token }
  - { path: /logout, methods: [POST], revoke: token }
log: { requests: none }`;
const [deadlineExceeded, unavailable, unauthenticated] = [4, 14, 16];

describe("gRPC through two sidecars", () => {
  const ending = endWithAll();
  let shared: Promise<{ shop: GrpcShop; a: TestGate; b: TestGate }> | undefined;
  const start = () => {
    shared ??= (async () => {
      const redis = await startUsedRedis(ending);
      const shop = await startGrpcShop(ending);
      const store = `denylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms } }`;
      const options = { upstream: `http://127.0.0.1:${shop.port}`, yaml: `${routes}\n${store}` };
      const [a, b] = await Promise.all([startGate(ending, options), startGate(ending, options)]);
      await Promise.all([untilReady(a), untilReady(b)]);
      return { shop, a, b };
    })();
    return shared;
  };

  it("passes calls of every kind, with metadata, trailers and deadlines", async (t) => {
    const { shop, a } = await start();
    const shopper = connectGrpc(t, a.port);
    const token = makeToken();
    const me = await shopper.unary("Me", token, "alice");
    assert.deepEqual([me.error, me.text], [undefined, "me alice"]);
    assert.deepEqual(me.trailers?.get("x-sum"), ["5"]);
    assert.deepEqual(shop.seen.at(-1)?.get("x-forwarded-proto"), ["http"]);

    const collected = new Promise((resolve, reject) => {
      const call = shopper.collect(token, (error, value) =>
        error === null ? resolve(value?.toString()) : reject(error),
      );
      for (const message of ["a", "b", "c"]) call.write(Buffer.from(message));
      call.end();
    });
    assert.equal(await collected, "3");

    const chat = shopper.chat(token);
    chat.write(Buffer.from("hello"));
    assert.equal(String((await once(chat, "data"))[0]), "hello");
    chat.end();
    assert.equal((await once(chat, "status"))[0].code, 0);

    const late = await shopper.unary("Me", token, "wait", 300);
    assert.equal(late.error?.code, deadlineExceeded);
    await until(() => shop.cancelled() >= 1);
  });

  it("refuses with a status, a message and details, and nothing reaches the service", async (t) => {
    const { shop, a } = await start();
    const before = shop.seen.length;
    const { error } = await connectGrpc(t, a.port).unary("Me", undefined);
    assert.deepEqual([error?.code, error?.details], [unauthenticated, "Token is missing."]);
    const [details] = error?.metadata.get("grpc-status-details-bin") ?? [];
    assert.match(String(details), /token_missing[\s\S]*revgate/);
    assert.equal(shop.seen.length, before);
  });

  it("holds a logout until it is in force everywhere, and ends no token for one that failed", async (t) => {
    const { a, b } = await start();
    const [atA, atB] = [connectGrpc(t, a.port), connectGrpc(t, b.port)];
    const token = makeToken();
    assert.equal((await atB.unary("Me", token)).error, undefined);
    const failed = await atA.unary("Logout", token, "fail");
    assert.deepEqual([failed.error?.code, failed.error?.details], [9, "not now"]);
    assert.equal((await atB.unary("Me", token)).error, undefined);
    const done = await atA.unary("Logout", token);
    assert.deepEqual([done.error, done.text], [undefined, "bye"]);
    const after = await atB.unary("Me", token);
    assert.deepEqual(
      [after.error?.code, after.error?.details],
      [unauthenticated, "Please log in again."],
    );
  });

  it("ends streams of every kind with a status when their token is revoked at another sidecar", async (t) => {
    const { shop, a, b } = await start();
    const shopper = connectGrpc(t, b.port);
    const token = makeToken();
    const cancelled = shop.cancelled();
    const watching = shopper.watch(token);
    const chat = shopper.chat(token);
    const collecting = new Promise<number | undefined>((resolve) => {
      const call = shopper.collect(token, (error) => resolve(error?.code));
      call.on("error", () => {});
      call.write(Buffer.from("a"));
    });
    const ends = [watching, chat].map((call) => {
      call.on("error", () => {}).on("data", () => {});
      return new Promise<{ code: number; details: string }>((resolve) => {
        call.once("status", resolve);
      });
    });
    chat.write(Buffer.from("hello"));
    await Promise.all([once(watching, "data"), once(chat, "data")]);
    await until(() => shop.seen.filter((each) => each.get("token")[0] === token).length === 3);
    assert.equal((await connectGrpc(t, a.port).unary("Logout", token)).error, undefined);
    for (const status of await Promise.all(ends)) {
      assert.deepEqual([status.code, status.details], [unauthenticated, "Please log in again."]);
    }
    assert.equal(await collecting, unauthenticated);
    await until(() => shop.cancelled() >= cancelled + 3);
  });

  it("is told that the service is away", async (t) => {
    const gone = await startApplication(t);
    gone.server.close();
    const gate = await startGate(t, { upstream: gone.url, yaml: routes });
    const { error } = await connectGrpc(t, gate.port).unary("Me", makeToken());
    assert.equal(error?.code, unavailable);
  });
});

describe("an application over HTTP/2", () => {
  /** What it does with each stream, by path. */
  async function startHttp2(
    t: { after(cleanup: () => unknown): void },
    paths: Record<string, (stream: ServerHttp2Stream, count: number) => void>,
  ) {
    const server = createServer();
    const counts: Record<string, number> = {};
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      const path = String(headers[":path"]);
      counts[path] = (counts[path] ?? 0) + 1;
      const special = paths[path];
      if (special !== undefined) {
        special(stream, counts[path]);
        return;
      }
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        stream.respond({ ":status": 200, "set-cookie": ["a=1", "b=2"] });
        stream.end(JSON.stringify({ ...headers, body: Buffer.concat(chunks).toString() }));
      });
    });
    return { server, counts, url: `http://127.0.0.1:${await listenOnLoopback(t, server)}` };
  }

  // No time-out notices a client in place of revgate.
  const limits = "limits: { receiveTimeout: 1h, requestTimeout: 2h }";
  const yaml = `routes: [ { path: /logout, methods: [POST], revoke: token } ]\n${limits}`;
  const token = makeToken();
  const headers = { token };
  const gateTo = (t: Parameters<typeof startGate>[0], url: string, more = "") =>
    startGate(t, {
      upstream: url,
      yaml: `${yaml}\nupstream: { url: "${url}", protocol: http2${more} }`,
    });

  it("gets requests of both protocols, and answers both", async (t) => {
    const { url } = await startHttp2(t, {
      "/trailers": (stream) => {
        stream.respond({ ":status": 200 }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "5" }));
        stream.end("part");
      },
      "/hints": (stream) => {
        stream.additionalHeaders({ ":status": 103, link: "</a>" });
        stream.respond({ ":status": 204 }, { endStream: true });
      },
    });
    const gate = await gateTo(t, url);
    const posted = await send(`${gate.url}/a?b=1`, { method: "POST", headers, body: "hello" });
    assert.deepEqual(posted.headers["set-cookie"], ["a=1", "b=2"]);
    const { json } = posted;
    assert.deepEqual(
      [json[":method"], json[":path"], json[":authority"], json["body"], json["te"]],
      ["POST", "/a?b=1", `127.0.0.1:${gate.port}`, "hello", "trailers"],
    );
    const session = await connectHttp2(t, gate.url);
    const reply = await sendHttp2(session, "/trailers", { headers });
    assert.deepEqual([reply.text, reply.trailers["x-sum"]], ["part", "5"]);
    const hinted = begin(session, { ":path": "/hints", token });
    const hints = once(hinted, "headers");
    assert.equal((await readReply(hinted)).status, 204);
    assert.equal((await hints)[0].link, "</a>");
    const own = { token: makeToken() };
    assert.equal((await send(`${gate.url}/logout`, { method: "POST", headers: own })).status, 200);
    assert.equal((await send(`${gate.url}/a`, { headers: own })).status, 401);
  });

  it("is asked again for what it refused unprocessed, once, if no body was sent", async (t) => {
    const refusing = (stream: ServerHttp2Stream, count: number) => {
      if (count === 1) stream.close(7);
      else stream.respond({ ":status": 200 }, { endStream: true });
    };
    const { url, counts } = await startHttp2(t, {
      "/once": refusing,
      "/body": refusing,
      "/always": (stream) => stream.close(7),
    });
    const gate = await gateTo(t, url);
    const deleted = await send(`${gate.url}/once`, { method: "DELETE", headers });
    assert.equal(deleted.status, 200);
    assert.equal((await send(`${gate.url}/always`, { headers })).status, 502);
    const posted = await send(`${gate.url}/body`, { method: "POST", headers, body: "x" });
    assert.equal(posted.status, 502);
    assert.deepEqual(counts, { "/once": 2, "/always": 2, "/body": 1 });
  });

  it("uses another connection after GOAWAY, and waits for one if all are in use", async (t) => {
    const held: ServerHttp2Stream[] = [];
    const { url, server } = await startHttp2(t, { "/held": (stream) => void held.push(stream) });
    let sessions = 0;
    server.on("session", (session) => {
      sessions += 1;
      if (sessions === 1) session.once("stream", () => session.close());
      else session.settings({ maxConcurrentStreams: 1 });
    });
    const gate = await gateTo(t, url, ", maxConnections: 1");
    assert.equal((await send(`${gate.url}/a`, { headers })).status, 200);
    await until(async () => (await send(`${gate.url}/a`, { headers })).status === 200);
    assert.ok(sessions >= 2);
    const first = send(`${gate.url}/held`, { headers });
    await until(() => held.length === 1);
    const second = send(`${gate.url}/a`, { headers });
    await until(async () =>
      /revgate_upstream_queue 1/.test((await send(`${gate.adminUrl}/metrics`)).text),
    );
    held[0]?.respond({ ":status": 200 }, { endStream: true });
    assert.deepEqual([(await first).status, (await second).status], [200, 200]);
  });

  it("sees no part of a body as a whole one, when the client leaves in the middle", async (t) => {
    let ended = 0;
    const { url, counts } = await startHttp2(t, {
      "/upload": (stream) => {
        stream.resume().on("end", () => {
          if (!stream.aborted && stream.rstCode === 0) ended += 1;
        });
        stream.on("close", () => {
          closed += 1;
        });
      },
    });
    let closed = 0;
    const gate = await gateTo(t, url);
    for (const leave of ["destroy", "close"] as const) {
      const session = await connectHttp2(t, gate.url);
      const upload = begin(session, { ":method": "POST", ":path": "/upload", token });
      upload.write("part of it");
      await until(() => counts["/upload"] === closed + 1);
      const before = closed;
      if (leave === "destroy") session.destroy();
      else upload.destroy(new Error("left"));
      await until(() => closed > before);
    }
    assert.equal(ended, 0);
  });

  it("that breaks off, is silent or speaks no HTTP/2 is answered for", async (t) => {
    const { url } = await startHttp2(t, {
      "/breaks": (stream) => {
        stream.respond({ ":status": 200 });
        stream.write("part");
        setImmediate(() => stream.destroy(new Error("broken off")));
      },
      "/silent": () => {},
    });
    const gate = await gateTo(t, url);
    const session = await connectHttp2(t, gate.url);
    const broken = await sendHttp2(session, "/breaks", { headers });
    assert.equal(broken.reset, 2);
    const hurried = await gateTo(t, url, ", responseTimeout: 300ms");
    assert.equal((await send(`${hurried.url}/silent`, { headers })).status, 504);
    assert.equal((await send(`${gate.url}/a`, { headers })).status, 200);
    const old = await startApplication(t);
    const other = await gateTo(t, old.url);
    assert.equal((await send(`${other.url}/a`, { headers })).status, 502);
  });
});
