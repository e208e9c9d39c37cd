import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { type AdminServerOptions, createAdminServer } from "../../../src/admin/admin-server.ts";
import { createBodyReader } from "../../../src/admin/body.ts";
import type { Endpoint, Endpoints } from "../../../src/admin/endpoint.ts";
import { listenOnLoopback, startApplication } from "../../helpers/application.ts";
import { startGate, type TestGate } from "../../helpers/gate.ts";
import { openRaw, send, statusesIn } from "../../helpers/http.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { until } from "../../helpers/until.ts";

/** What an admin server needs besides its endpoints; nothing may be uncaught. */
const alone: Omit<AdminServerOptions, "endpoints"> = {
  hosts: () => [],
  maxConnections: () => 8,
  audit() {},
  onDistrust() {},
  onCrowded() {},
  onUncaught: (_door, error) => assert.fail(String(error)),
};

const secret = "an-admin-secret-for-tests";
const bearer = { authorization: `Bearer ${secret}` };

async function start(t: TestContext, admin = "", yaml = ""): Promise<TestGate> {
  const application = await startApplication(t);
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "admin-token"), secret);
  return startGate(t, {
    upstream: application.url,
    directory,
    yaml: `admin: { host: 127.0.0.1, port: 0, tokenFile: admin-token${admin} }\n${yaml}`,
  });
}

/** Sends bytes to the admin port and reads until it closes the connection. */
async function tell(t: TestContext, { adminAddress }: TestGate, text: string): Promise<string> {
  const connection = await openRaw(t, adminAddress.port);
  connection.write(text);
  const received = await connection.untilClosed();
  connection.socket.destroy();
  return received;
}

const uncaughtIn = async ({ adminUrl }: TestGate) =>
  [
    ...(await send(`${adminUrl}/metrics`)).text.matchAll(
      /^revgate_uncaught_errors_total.* (\d+)$/gm,
    ),
  ]
    .map(([, count]) => Number(count))
    .reduce((sum, count) => sum + count, 0);

describe("whatever comes to the admin port", () => {
  const targets = [
    "//",
    "///",
    "/\\",
    "http://a:99999/",
    "http://[/",
    "http://",
    "?",
    "*",
    "/%",
    "//a@b:c",
  ];
  for (const target of targets) {
    it(`is answered: the target ${target}`, async (t) => {
      const gate = await start(t);
      for (const method of ["GET", "POST"]) {
        const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
        const [status] = statusesIn(await tell(t, gate, head));
        assert.ok(status !== undefined && status >= 400 && status < 500, `${status}`);
      }
      assert.equal((await send(`${gate.adminUrl}/healthz`)).status, 200);
      assert.equal(await uncaughtIn(gate), 0);
    });
  }

  it("is answered: a token nested deeper than a stack, explained and introspected", async (t) => {
    const gate = await start(t);
    const nested = `${'{"a":'.repeat(3000)}1${"}".repeat(3000)}`;
    const part = (text: string) => Buffer.from(text).toString("base64url");
    const token = `${part('{"alg":"RS256"}')}.${part(nested)}.${part("x")}`;
    for (const path of ["/explain", "/introspect", "/revoke"]) {
      const { status } = await send(`${gate.adminUrl}${path}`, {
        method: "POST",
        headers: { ...bearer, "content-type": "application/x-www-form-urlencoded" },
        body: `token=${token}`,
      });
      assert.equal(status, 200, path);
    }
    assert.equal(await uncaughtIn(gate), 0);
  });

  it("ends nothing where an endpoint throws: 500, counted, and logged once with its stack", async (t) => {
    const uncaught: unknown[] = [];
    const throwing = (answer: () => never): Endpoints =>
      new Map([["GET /", { hosts: "any", audited: false, answer }]]);
    const loop: Record<string, unknown> = {};
    loop["loop"] = loop;
    const endpoints = [
      throwing(() => {
        throw new TypeError("a defect");
      }),
      throwing((() => Promise.reject(new TypeError("a defect"))) as () => never),
      throwing((() => ({ status: 200, body: loop })) as unknown as () => never),
    ];
    for (const each of endpoints) {
      const server = createAdminServer({
        endpoints: () => [each],
        ...alone,
        onUncaught: (door, error) => void uncaught.push([door, (error as Error).name]),
      });
      const url = `http://127.0.0.1:${await listenOnLoopback(t, server)}/`;
      assert.equal((await send(url)).status, 500);
    }
    assert.deepEqual(uncaught, Array(3).fill(["admin", "TypeError"]));
  });
});

describe("a wrong secret", () => {
  it("uses nothing up that the right one needs, and fills no log", async (t) => {
    const gate = await start(t, ", requestsPerSecond: 200");
    const introspect = (headers: Record<string, string>) =>
      send(`${gate.adminUrl}/introspect`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
        body: "token=x",
      });
    let stopped = false;
    const startedMs = performance.now();
    const wrong: number[] = [];
    const loops = [1, 2].map(async () => {
      while (!stopped) wrong.push((await introspect({ authorization: "Bearer wrong" })).status);
    });
    const right: number[] = [];
    for (let i = 0; i < 60; i += 1) right.push((await introspect(bearer)).status);
    stopped = true;
    await Promise.all(loops);
    assert.deepEqual(new Set(right), new Set([200]));
    assert.ok(wrong.every((status) => status === 401 || status === 429));
    const lines = gate.logged().match(/"status":401/g)?.length ?? 0;
    assert.equal(lines, wrong.filter((status) => status === 401).length);
    // Ten a second, and ten at once.
    const allowed = 10 + (10 * (performance.now() - startedMs)) / 1000;
    assert.ok(lines <= allowed, `${lines} lines for ${wrong.length} requests`);
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.ok(text.includes(`revgate_admin_refused_total{reason="secret"} ${wrong.length}`));
  });

  it("is looked at before the share of the operation, which is its own", async (t) => {
    const gate = await start(t, ", requestsPerSecond: 1");
    const ask = async (path: string) =>
      (await send(`${gate.adminUrl}${path}`, { headers: bearer })).status;
    const drain = () => send(`${gate.adminUrl}/drain`, { method: "POST", headers: bearer });
    assert.equal(await ask("/revocations"), 200);
    // Asked at once, unless the machine is too busy for two in a second.
    await until(async () => (await ask("/revocations")) === 429);
    assert.equal((await drain()).status, 202, "one operation's flood is not another's");
  });
});

describe("a Host that is not the listener's own", () => {
  const own = ["/", "/runbook", "/overview", "/latest", "/openapi.json", "/revocations"];
  const at = (gate: TestGate, path: string, host: string) =>
    send(`${gate.adminUrl}${path}`, { headers: { ...bearer, host } });

  it("gets neither page nor API, and is named in the log", async (t) => {
    const gate = await start(t, ", hosts: [ ops.example ]");
    const allowed = ["ops.example", "OPS.example:9090", "localhost:1", "127.0.0.1", "[::1]:80"];
    for (const path of own) {
      assert.equal((await at(gate, path, "evil.example")).status, 421, path);
      for (const host of allowed) {
        assert.equal((await at(gate, path, host)).status, 200, `${host} ${path}`);
      }
    }
    for (const host of ["evil.example:9090", "127.0.0.1.evil.example", "localhost.evil"]) {
      assert.equal((await at(gate, "/", host)).status, 421, host);
    }
    const raw =
      "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert.deepEqual(statusesIn(await tell(t, gate, raw)), [421]);
    assert.match(gate.logged(), /"action":"GET \/","status":421,.*"host":"evil\.example"/);
  });

  it("gets probes and metrics: they are asked for by names that nobody lists", async (t) => {
    const gate = await start(t);
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      assert.equal((await at(gate, path, "pod.example")).status, 200);
    }
  });
});

describe("the latest revocations", () => {
  it("are told to the secret where there is one", async (t) => {
    const gate = await start(t);
    await send(`${gate.url}/logout`, { method: "POST", headers: { token: makeToken() } });
    assert.equal((await send(`${gate.adminUrl}/latest`)).status, 401);
    const told = await send(`${gate.adminUrl}/latest`, { headers: bearer });
    assert.match(told.text, /"id":"[\w-]{8}"/);
  });

  it("name nobody where there is none: kind and time, which the metrics tell as well", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    await send(`${gate.url}/logout`, { method: "POST", headers: { token: makeToken() } });
    const [latest] = JSON.parse((await send(`${gate.adminUrl}/latest`)).text) as object[];
    assert.deepEqual(Object.keys(latest ?? {}), ["at", "kind"]);
  });
});

describe("connections to the admin port", () => {
  // Of the last two Node would refuse each by itself, past all limits.
  for (const [kind, fields] of Object.entries({
    sound: "Host: 127.0.0.1\r\n",
    "without Host": "",
    "with an unknown Expect": "Host: 127.0.0.1\r\nExpect: x\r\n",
  })) {
    it(`have few requests under way at once: requests ${kind} that nobody reads the answers of`, async (t) => {
      const gate = await start(t);
      const connection = await openRaw(t, gate.adminAddress.port);
      connection.socket.pause();
      connection.write(`GET / HTTP/1.1\r\n${fields}\r\n`.repeat(1500));
      const metrics = async () => (await send(`${gate.adminUrl}/metrics`)).text;
      await until(async () =>
        (await metrics()).includes('revgate_admin_refused_total{reason="crowded"} 1'),
      );
      connection.socket.resume();
      assert.ok(statusesIn(await connection.untilClosed()).length <= 4);
    });
  }

  it("take one request after the other as they always did", async (t) => {
    const gate = await start(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    for (let i = 0; i < 10; i += 1) {
      assert.equal((await send(`${gate.adminUrl}/healthz`, { agent })).status, 200);
    }
  });

  it("that are closed for it have no responses made for what they have sent ahead", async (t) => {
    const server = createAdminServer({
      endpoints: () => [],
      ...alone,
    });
    let requests = 0;
    server.on("request", () => {
      requests += 1;
    });
    const connection = await openRaw(t, await listenOnLoopback(t, server));
    connection.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1500));
    await connection.untilClosed();
    assert.ok(requests > 0 && requests < 20, `${requests}`);
  });

  it("that send nothing give way: a probe is answered while there are more than it takes", async (t) => {
    const gate = await start(t, ", maxConnections: 8");
    const half = await Promise.all(
      Array.from({ length: 40 }, () => openRaw(t, gate.adminAddress.port)),
    );
    for (const { write } of half) write("GET /healthz HTTP/1.1\r\nHost: a\r\n");
    for (let i = 0; i < 20; i += 1) {
      assert.equal((await send(`${gate.adminUrl}/healthz`)).status, 200);
    }
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /^revgate_admin_refused_total\{reason="crowded"\} [3-9]\d$/m);
  });

  it("at work are not all: a probe is answered while more senders are believed than it keeps for them", async (t) => {
    let atWork = 0;
    const stays: Endpoint = {
      hosts: "any",
      audited: false,
      answer: ({ onBelieved }) => {
        onBelieved();
        atWork += 1;
        return new Promise(() => {});
      },
    };
    const probe: Endpoint = { hosts: "any", audited: false, answer: () => ({ status: 200 }) };
    const endpoints: Endpoints = new Map([
      ["POST /", stays],
      ["GET /healthz", probe],
    ]);
    const server = createAdminServer({
      endpoints: () => [endpoints],
      ...alone,
    });
    const port = await listenOnLoopback(t, server);
    const believed = await Promise.all(Array.from({ length: 8 }, () => openRaw(t, port)));
    for (const { write } of believed) write("POST / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => atWork === 8);
    for (let i = 0; i < 8; i += 1) {
      assert.equal((await send(`http://127.0.0.1:${port}/healthz`)).status, 200);
    }
    assert.ok(believed.filter(({ socket }) => !socket.closed).length >= 6);
  });

  it("end in seconds with a head or a body that stalls; a body beyond the most at once gives way", async (t) => {
    const read = createBodyReader();
    const endpoints: Endpoints = new Map([
      [
        "POST /",
        {
          hosts: "any",
          audited: false,
          answer: async (exchange) => ({ status: 200, body: await read(exchange, "text/plain") }),
        },
      ],
    ]);
    const uncaught: string[] = [];
    const server = createAdminServer({
      endpoints: () => [endpoints],
      ...alone,
      maxConnections: () => 128,
      onUncaught: (_door, error) => void uncaught.push((error as { error: string }).error),
      times: { headMs: 300, requestMs: 600, idleMs: 300 },
    });
    const port = await listenOnLoopback(t, server);
    const head = await openRaw(t, port);
    head.write("POST / HTTP/1.1\r\nHost: a\r\n");
    const stalled = await Promise.all(Array.from({ length: 65 }, () => openRaw(t, port)));
    for (const { write } of stalled) {
      write("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nx");
    }
    assert.match(await head.untilClosed(), /^HTTP\/1\.1 408/);
    const ends = await Promise.all(stalled.map(({ untilClosed }) => untilClosed()));
    const statuses = ends.map((text) => statusesIn(text)[0]);
    assert.equal(statuses.filter((status) => status === 408).length, 64);
    assert.equal(uncaught.filter((error) => error === "crowded").length, 1);
  });
});
