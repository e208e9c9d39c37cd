import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type ServerResponse } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  ConnectionPool,
  type ConnectionPoolOptions,
} from "../../src/upstream/http1/connection-pool.ts";
import type { Exchange } from "../../src/upstream/http1/exchange.ts";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const headers = { token: makeToken() };

/** An application that counts its connections; requests are answered when the test says so. */
async function countingApplication(t: TestContext, head: http.OutgoingHttpHeaders = {}) {
  const waiting: ServerResponse[] = [];
  const connections: Socket[] = [];
  let arrived = () => {};
  const application = await startApplication(t, (_request, response) => {
    response.writeHead(200, head);
    waiting.push(response);
    arrived();
  });
  application.server.on("connection", (socket: Socket) => void connections.push(socket));
  return {
    ...application,
    connections,
    waiting,
    async untilWaiting(count: number) {
      while (waiting.length < count) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
    },
  };
}

describe("connections to the application", () => {
  it("carry one request after the other, HEAD and bodies included", async (t) => {
    const application = await startApplication(t, (request, response) => {
      request.resume();
      response.end(request.method === "HEAD" ? undefined : "ok");
    });
    let connections = 0;
    application.server.on("connection", () => {
      connections += 1;
    });
    const gate = await startGate(t, { upstream: application.url });
    for (const method of ["GET", "HEAD", "POST", "DELETE", "HEAD", "GET"]) {
      const body = method === "POST" ? { body: "x".repeat(100_000) } : {};
      assert.equal((await send(`${gate.url}/x`, { method, headers, ...body })).status, 200);
    }
    assert.equal(connections, 1);
  });

  it("hand each client its own bytes, in whatever pieces they come and however slowly they are taken", async (t) => {
    const bodyOf = (path: string) => Buffer.alloc(Number(path.split("/")[2]), `${path} `);
    const application = await startApplication(t, async ({ url = "" }, response) => {
      const body = bodyOf(url);
      const piece = Math.ceil(body.length / 7);
      if (!url.endsWith("chunked")) response.setHeader("Content-Length", body.length);
      for (let at = 0; at < body.length; at += piece) {
        response.write(body.subarray(at, at + piece));
        if (!url.endsWith("whole")) await nextTurn();
      }
      response.end();
    });
    const gate = await startGate(t, { upstream: application.url });
    const sizes = [1, 900, 16_383, 16_384, 70_000, 12_000_000];
    const paths = [1, 2].flatMap((id) =>
      sizes.flatMap((size) => ["whole", "sized", "chunked"].map((how) => `/${id}/${size}/${how}`)),
    );
    const heads = await Promise.all(
      paths.map(async (path) => {
        const request = http.get(`${gate.url}${path}`, { headers, agent: false });
        const [response] = (await once(request, "response")) as [http.IncomingMessage];
        return { path, response };
      }),
    );
    // Nobody reads before everybody has a head: what does not fit into the system's buffers waits in the gate.
    for (const { path, response } of heads) {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      assert.ok(Buffer.concat(chunks).equals(bodyOf(path)), path);
    }
  });

  it("are never more than configured; what comes on top waits its turn", async (t) => {
    const application = await countingApplication(t);
    const yaml = `upstream: { url: "${application.url}", maxConnections: 2 }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const replies = Array.from({ length: 6 }, (_, i) => send(`${gate.url}/${i}`, { headers }));
    for (let answered = 0; answered < 6; answered += 2) {
      await application.untilWaiting(2);
      assert.equal(application.waiting.length, 2);
      for (const response of application.waiting.splice(0)) response.end("ok");
    }
    assert.deepEqual(
      new Set((await Promise.all(replies)).map(({ status }) => status)),
      new Set([200]),
    );
    assert.equal(application.connections.length, 2);
  });

  it("are not used for a request whose client has left while it waited", async (t) => {
    const application = await countingApplication(t);
    const yaml = `upstream: { url: "${application.url}", maxConnections: 1 }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const first = send(`${gate.url}/first`, { headers });
    await application.untilWaiting(1);
    const leaving = http.get(`${gate.url}/left`, { headers }).on("error", () => {});
    const last = send(`${gate.url}/last`, { headers });
    await once(leaving, "socket");
    // Two exchanges beside them: by then both have arrived.
    await send(`${gate.adminUrl}/healthz`);
    await send(`${gate.adminUrl}/healthz`);
    leaving.destroy();
    await until(() => gate.logged().includes("client_gone"));
    application.waiting.shift()?.end("ok");
    await application.untilWaiting(1);
    application.waiting.shift()?.end("ok");
    assert.deepEqual([(await first).status, (await last).status], [200, 200]);
    assert.deepEqual(
      application.seen.map(({ url }) => url),
      ["/first", "/last"],
    );
  });

  it("are left before the application closes them, where it says when that will be", async (t) => {
    const application = await startApplication(t, (_request, response) => {
      response.writeHead(200, { "Keep-Alive": "timeout=1" });
      response.end("ok");
    });
    let connections = 0;
    application.server.on("connection", () => {
      connections += 1;
    });
    const gate = await startGate(t, { upstream: application.url });
    for (let i = 0; i < 3; i += 1) await send(`${gate.url}/x`, { headers });
    assert.equal(connections, 3);
  });

  it("do not keep an answer that comes before the request was sent in full", async (t) => {
    const closed: Promise<unknown>[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      closed.push(once(socket, "close"));
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        socket.resume();
      });
    });
    const gate = await startGate(t, {
      upstream: `http://127.0.0.1:${await listenOnLoopback(t, server)}`,
    });
    const outgoing = http.request(`${gate.url}/up`, { method: "POST", headers });
    outgoing.on("error", () => {});
    outgoing.write("the beginning");
    const [response] = (await once(outgoing, "response")) as [http.IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 200);
    // Closed although the client goes on sending: its next bytes must not be the next request.
    await closed[0];
    outgoing.destroy();
  });
});

/** Options of a pool that gives nothing up. */
const patient = {
  ...{ responseTimeoutMs: 60_000, idleTimeoutMs: 60_000, headBytes: 1000 },
  ...{ maxQueued: 100, queueTimeoutMs: 60_000, onWaited: () => {} },
};

/** A pool whose connections are ready when the test says so, over a server that answers when it does. */
async function steeredPool(t: TestContext, options: Partial<ConnectionPoolOptions> = {}) {
  const accepted: Socket[] = [];
  const requests: Socket[] = [];
  let changed = () => {};
  const until = async (holds: () => boolean) => {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  };
  const server = createServer((socket) => {
    accepted.push(socket);
    changed();
    socket.on("error", () => {});
    socket.on("data", () => {
      requests.push(socket);
      changed();
    });
  });
  const port = await listenOnLoopback(t, server);
  const ready: (() => void)[] = [];
  const pool = new ConnectionPool({
    ...{ ...patient, maxConnections: 2, idleMs: 60_000, connectTimeoutMs: 60_000, ...options },
    connect(onReady) {
      ready.push(onReady);
      return connect(port, "127.0.0.1");
    },
  });
  t.after(() => pool.destroy());
  const answer = () => requests.shift()?.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  return { pool, accepted, requests, ready, until, answer };
}

describe("a pool of connections", () => {
  it("takes one that was closed while it waited for its first request for stale", async (t) => {
    const { pool, accepted, requests, ready, until, answer } = await steeredPool(t);
    // Two connect; the first to be ready carries both requests, and the second has nothing to do.
    const both = [outcome(pool), outcome(pool)];
    await until(() => accepted.length === 2);
    ready[0]?.();
    for (let i = 0; i < 2; i += 1) {
      await until(() => requests.length === 1);
      answer();
    }
    assert.deepEqual(await Promise.all(both), ["whole", "whole"]);
    // The second is put behind the first, so that it is taken next.
    ready[1]?.();
    const next = outcome(pool);
    accepted[1]?.resetAndDestroy();
    assert.match(await next, /^(?:closed|ECONNRESET|EPIPE), stale$/);
  });

  it("takes a new one that is closed under its first request for nothing but what it is", async (t) => {
    const { pool, accepted, ready, until } = await steeredPool(t);
    const first = outcome(pool);
    await until(() => accepted.length === 1);
    ready[0]?.();
    accepted[0]?.resetAndDestroy();
    assert.match(await first, /^(?:closed|ECONNRESET|EPIPE)$/);
  });

  it("takes none that is silent for stale", async (t) => {
    const { pool, accepted, requests, ready, until, answer } = await steeredPool(t, {
      responseTimeoutMs: 50,
    });
    const first = outcome(pool);
    await until(() => accepted.length === 1);
    ready[0]?.();
    await until(() => requests.length === 1);
    answer();
    assert.equal(await first, "whole");
    assert.equal(await outcome(pool), "response_timeout");
  });

  it("connects for nobody once it has been destroyed", async (t) => {
    const { pool, accepted, ready, until } = await steeredPool(t);
    const first = outcome(pool);
    await until(() => accepted.length === 1);
    pool.destroy();
    assert.match(await first, /aborted|closed/);
    assert.equal(await outcome(pool), "aborted");
    assert.equal(ready.length, 1);
  });

  it("closes what has been idle for long, and gives up what cannot be connected to in time", async (t) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    });
    const port = await listenOnLoopback(t, server);
    const options = { ...patient, maxConnections: 1, idleMs: 50 };
    const pool = new ConnectionPool({
      ...options,
      connect: (onReady) => connect(port, "127.0.0.1", onReady),
      connectTimeoutMs: 60_000,
    });
    t.after(() => pool.close());
    assert.equal(await outcome(pool), "whole");
    const [socket] = sockets;
    assert.ok(socket);
    await once(socket, "close");
    assert.equal(await outcome(pool), "whole");

    // Nobody says that it is ready, as behind a firewall that drops packets.
    const silent = new ConnectionPool({
      ...options,
      connect: () => connect(port, "127.0.0.1"),
      connectTimeoutMs: 20,
    });
    assert.equal(await outcome(silent), "connect_timeout");
    await silent.close();
  });

  it("takes nothing for the answer to a request that has not gone out, and sends none that was given up", async (t) => {
    const received: string[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        received.push(chunk.toString());
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      });
    });
    const port = await listenOnLoopback(t, server);
    const sockets: Socket[] = [];
    const pool = new ConnectionPool({
      ...{ ...patient, maxConnections: 1, idleMs: 60_000 },
      connectTimeoutMs: 60_000,
      connect(onReady) {
        const socket = connect(port, "127.0.0.1", onReady);
        sockets.push(socket);
        return socket;
      },
    });
    t.after(() => pool.close());
    const last = () => sockets.at(-1) as Socket;

    assert.equal(await outcome(pool), "whole");
    // Arrives in the turn in which the request is to leave: the application has given the connection up.
    const early = outcome(pool);
    last().emit("data", Buffer.from("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"));
    assert.equal(await early, "malformed, stale");

    assert.equal(await outcome(pool), "whole");
    const given = new Promise<void>((resolve) => {
      pool.carry({
        ...exchangeFor(() => {}),
        onConnection(connection) {
          queueMicrotask(() => {
            connection.abort();
            resolve();
          });
          return true;
        },
      });
    });
    await given;
    assert.equal(await outcome(pool), "whole");
    assert.deepEqual([received.length, sockets.length], [3, 3]);
  });
});

/** What becomes of a request. */
function outcome(pool: ConnectionPool): Promise<string> {
  return new Promise((resolve) => pool.carry(exchangeFor(resolve)));
}

function exchangeFor(tell: (outcome: string) => void): Exchange {
  return {
    method: "GET",
    target: "/",
    headers: ["Host", "a"],
    head: "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    body: "none",
    streams: false,
    ...{ network: "192.0.2.1", clientMark: undefined, giveWay() {} },
    onConnection: () => true,
    sendBody() {},
    onDrain() {},
    onHead() {},
    onWhole: () => tell("whole"),
    onData() {},
    onPartial() {},
    onEnd: () => tell("whole"),
    onError(error, stale) {
      const what = "code" in error ? String(error.code) : error.message;
      tell(stale ? `${what}, stale` : what);
    },
  };
}
