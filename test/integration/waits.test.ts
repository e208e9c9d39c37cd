import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { keepSending, openRaw, type RawConnection, type Reply, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";
import { undisturbed } from "../helpers/undisturbed.ts";
import { until } from "../helpers/until.ts";

const headers = { token: makeToken() };

/** An application that answers when the test says so. */
async function heldApplication(t: TestContext) {
  const held: ServerResponse[] = [];
  let arrived = () => {};
  const application = await startApplication(t, (_request, response) => {
    held.push(response);
    arrived();
  });
  return {
    ...application,
    held,
    async untilHeld(count: number) {
      while (held.length < count) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
    },
  };
}

/** A figure of the gate's metrics. */
async function metric({ adminUrl }: TestGate, name: string): Promise<number> {
  const { text } = await send(`${adminUrl}/metrics`);
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}

async function untilMetric(gate: TestGate, name: string, value: number): Promise<void> {
  await until(async () => (await metric(gate, name)) === value);
}

describe("a wait for the application's answer", () => {
  it("that is over is told at once, and the request is not sent a second time", async (t) => {
    const requests: string[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (data) => {
        requests.push(String(data).split(" ", 2)[1] ?? "");
        // The connection has served before: that it is silent now does not make it stale.
        if (requests.length === 1) {
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
      });
    });
    const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
    const yaml = `upstream: { url: "${upstream}", responseTimeout: 300ms }`;
    await undisturbed(150, async () => {
      const gate = await startGate(t, { upstream, yaml });
      requests.length = 0;
      assert.equal((await send(`${gate.url}/first`, { headers })).status, 200);
      assert.equal((await send(`${gate.url}/second`, { headers })).status, 504);
      assert.deepEqual(requests, ["/first", "/second"]);
    });
  });
});

const isBusy = (reply: Reply) => {
  assert.deepEqual([reply.status, reply.headers["retry-after"]], [503, "1"]);
  assert.deepEqual(reply.json, {
    error: "upstream_busy",
    message: "The application is busy, try again shortly.",
  });
};

describe("a wait for a connection to the application", () => {
  it("is bounded in time: for a logout, too, of which nothing counts as done", async (t) => {
    const application = await heldApplication(t);
    const yaml = `upstream: { url: "${application.url}", maxConnections: 1, queueTimeout: 1s }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const streaming = send(`${gate.url}/stream`, { headers });
    await application.untilHeld(1);
    const logout = () => send(`${gate.url}/logout`, { method: "POST", headers });
    for (const reply of await Promise.all([send(`${gate.url}/waits`, { headers }), logout()])) {
      isBusy(reply);
    }
    assert.match(
      gate.logged(),
      /the application is busy: no connection to it was free for 1000 ms/,
    );
    assert.equal(await metric(gate, "revgate_upstream_queue"), 0);
    assert.equal(await metric(gate, "revgate_upstream_queue_duration_seconds_count"), 3);

    application.held.shift()?.end("at last");
    assert.equal((await streaming).text, "at last");
    // The application never had the logout: the token lives on, and the logout can be sent again.
    const again = logout();
    await application.untilHeld(1);
    assert.equal(application.seen.length, 2);
    application.held.shift()?.end("logged out");
    assert.equal((await again).status, 200);
    assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "token_revoked");
  });

  it("is bounded in how many there may be: the next is turned away at once", async (t) => {
    const application = await heldApplication(t);
    const yaml = `upstream: { url: "${application.url}", maxConnections: 1, maxQueued: 2 }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const replies = ["/first", "/second", "/third"].map(async (path) => {
      const reply = await send(`${gate.url}${path}`, { headers: { token: makeToken() } });
      return reply.status;
    });
    await application.untilHeld(1);
    await untilMetric(gate, "revgate_upstream_queue", 2);
    assert.equal(await metric(gate, "revgate_upstream_connections"), 1);
    isBusy(await send(`${gate.url}/one-too-many`, { headers: { token: makeToken() } }));
    assert.match(gate.logged(), /the application is busy: 2 requests already wait/);
    for (let i = 0; i < 3; i += 1) {
      await application.untilHeld(1);
      application.held.shift()?.end("ok");
    }
    assert.deepEqual(await Promise.all(replies), [200, 200, 200]);
  });
});

/** An application that begins a response on every path, and goes on when the test says so. */
async function pausingApplication(t: TestContext) {
  const begun = new Map<string, ServerResponse>();
  const application = await startApplication(t, (request, response) => {
    response.write("beginning ");
    begun.set(request.url ?? "", response);
  });
  return { ...application, begun };
}

const breaks = (gate: TestGate) =>
  assert.rejects(send(`${gate.url}/breaks`, { headers: { token: makeToken() } }), {
    code: "ECONNRESET",
  });

describe("a wait for the next part of a response", () => {
  it("is bounded, but on routes that stream", async (t) => {
    const application = await pausingApplication(t);
    const yaml = `
upstream: { url: "${application.url}", idleTimeout: 100ms }
routes: [ { path: /events, stream: true } ]`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const streaming = send(`${gate.url}/events`, { headers: { token: makeToken() } });
    await breaks(gate);
    assert.match(gate.logged(), /the application stopped in the middle of its answer/);
    assert.match(gate.logged(), /"outcome":"broken_off"/);
    await breaks(gate);
    application.begun.get("/events")?.end("and end");
    assert.equal((await streaming).text, "beginning and end");
  });

  it("begins anew with each part, and does not run while it is the client that takes nothing", async (t) => {
    const part = Buffer.alloc(1 << 20, "x");
    const application = await startApplication(t, (request, response) => {
      if (request.url === "/breaks") response.write("beginning");
      else if (request.url === "/large") response.end(Buffer.concat(Array(20).fill(part)));
      else {
        let parts = 0;
        const timer = setInterval(() => {
          parts += 1;
          if (parts <= 10) response.write(`${parts} `);
          else response.end("end");
        }, 50);
        response.on("close", () => clearInterval(timer));
      }
    });
    const yaml = `upstream: { url: "${application.url}", idleTimeout: 800ms }`;
    await undisturbed(400, async () => {
      const gate = await startGate(t, { upstream: application.url, yaml });
      const outgoing = http.get(`${gate.url}/large`, { headers: { token: makeToken() } });
      const [large] = (await once(outgoing, "response")) as [IncomingMessage];
      const [steady] = await Promise.all([
        send(`${gate.url}/steady`, { headers: { token: makeToken() } }),
        breaks(gate),
      ]);
      assert.equal(steady.text, "1 2 3 4 5 6 7 8 9 10 end");
      let received = 0;
      for await (const chunk of large) received += (chunk as Buffer).length;
      assert.equal(received, 20 << 20);
    });
  });
});

/** The head of an upload, and a part of its body. */
function upload(path: string, token: string, body: string): string {
  return [
    `POST ${path} HTTP/1.1`,
    "Host: a",
    `token: ${token}`,
    "Content-Type: application/json",
    "Content-Length: 1000",
    "",
    body,
  ].join("\r\n");
}

const is408 = (text: string) => {
  assert.match(text, /^HTTP\/1\.1 408 Request Timeout\r\n/);
  assert.match(text, /\r\nconnection: close\r\n/i);
  assert.match(text, /\{"error":"request_timeout","message":"Request did not arrive in time\."\}$/);
};

describe("a wait for the rest of a request", () => {
  it("is bounded wherever it is waited for, and told as the client's own: nothing counts as done", async (t) => {
    const whole: string[] = [];
    const application = await startApplication(t, (request, response) => {
      request.on("error", () => {});
      request.resume().on("end", () => {
        whole.push(request.url ?? "");
        response.end("ok");
      });
    });
    const yaml = `
upstream: { url: "${application.url}", responseTimeout: 500ms }
limits: { receiveTimeout: 1s }
routes:
  - { path: /logout, methods: [POST], revoke: token }
  - { path: /read, methods: [POST], from: [ { requestJson: /token } ] }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const token = makeToken();
    const texts = await Promise.all(
      ["/upload", "/logout", "/read"].map(async (path) => {
        const raw = await openRaw(t, gate.port);
        raw.write(upload(path, token, '{"a":'));
        return raw.untilClosed();
      }),
    );
    for (const text of texts) is408(text);
    assert.deepEqual(whole, []);
    assert.equal((await send(`${gate.url}/me`, { headers: { token } })).status, 200);
    assert.doesNotMatch(gate.logged(), /client_gone|upstream_timeout|did not answer/);
    const given = 'revgate_stalled_clients_total{stopped="sending"}';
    assert.equal(await metric(gate, given.replace(/[{}]/g, "\\$&")), 3);
  });

  it("is bounded as a whole, too, for one that never stops and never ends", async (t) => {
    const application = await startApplication(t, (request) => request.on("error", () => {}));
    const yaml = `limits: { headersTimeout: 300ms, requestTimeout: 300ms }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const raw = await openRaw(t, gate.port);
    raw.write(upload("/upload", headers.token, "x"));
    keepSending(t, raw);
    is408(await raw.until(/\}$/).then(() => raw.received()));
    assert.match(gate.logged(), /"outcome":"request_timeout"/);
    assert.doesNotMatch(gate.logged(), /client_gone/);
  });
});

/** A client that has the beginning of a response, and takes no more of it. */
async function stalledReader(t: TestContext, gate: TestGate, path: string): Promise<RawConnection> {
  const raw = await openRaw(t, gate.port);
  raw.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await raw.until(/\r\n\r\n/);
  raw.socket.pause();
  return raw;
}

describe("a wait for a client to take its answer", () => {
  it("is bounded, and each byte that is taken begins it anew", async (t) => {
    const application = await startApplication(t, (_request, response) => {
      response.end(Buffer.alloc(megabytes << 20, "x"));
    });
    const yaml = `
upstream: { url: "${application.url}", maxConnections: 2 }
limits: { sendTimeout: 2s }
routes: [ { path: /static/*, access: public } ]`;
    await undisturbed(1000, async () => {
      const gate = await startGate(t, { upstream: application.url, yaml });
      const stalled = await stalledReader(t, gate, "/static/a");
      const slow = await stalledReader(t, gate, "/static/b");
      takeSlowly(t, slow);
      // Both connections to the application are taken until one of the two clients is given up.
      const third = send(`${gate.url}/static/c`);
      await until(() => gate.logged().includes('"outcome":"client_stalled"'));
      assert.equal((await third).body.length, megabytes << 20);
      stalled.socket.resume();
      assert.ok((await stalled.untilClosed()).length < megabytes << 20);
      const { socket } = slow;
      const hasAll = () => slow.received().length >= megabytes << 20;
      await until(() => hasAll() || socket.readableEnded || socket.destroyed);
      assert.ok(hasAll());
      const given = 'revgate_stalled_clients_total\\{stopped="reading"\\}';
      assert.equal(await metric(gate, given), 1);
    });
  });
});

/** What an application sends to those who take it slowly. */
const megabytes = 24;

/** Takes a megabyte at a time, and for longer than the whole time-out. */
function takeSlowly(t: TestContext, { socket }: RawConnection): void {
  let quota = 0;
  socket.on("data", (chunk: Buffer) => {
    quota -= chunk.length;
    if (quota <= 0) socket.pause();
  });
  const timer = setInterval(() => {
    quota = 1 << 20;
    socket.resume();
  }, 100);
  t.after(() => clearInterval(timer));
}

/** Many of them, to see that nothing about it is luck. */
const rounds = 20;

describe("an answer that comes before the request was sent in full", () => {
  it("is heard, also from an application that closes behind it", async (t) => {
    const server = createServer((socket: Socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(
          "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
        );
        // With bytes unread this is a reset, and whoever writes next has an error of writing.
        socket.destroy();
      });
    });
    const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
    const gate = await startGate(t, { upstream });
    const statuses: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const body = Buffer.alloc(4 << 20);
      const chunked = round % 2 === 0 ? { "Transfer-Encoding": "chunked" } : {};
      const outgoing = http.request(`${gate.url}/up`, {
        method: "POST",
        headers: { ...headers, "Content-Length": body.length, ...chunked },
        agent: false,
      });
      if (round % 2 === 0) outgoing.removeHeader("Content-Length");
      outgoing.on("error", () => {});
      outgoing.end(body);
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      response.on("error", () => {}).resume();
      statuses.push(response.statusCode ?? 0);
    }
    assert.deepEqual(statuses, Array(rounds).fill(413));
  });
});
