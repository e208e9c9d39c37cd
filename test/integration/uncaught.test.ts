import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { holdDataDir } from "../../src/control/control-socket.ts";
import { createBodyTurns } from "../../src/gateway/body-turns.ts";
import type { Gate } from "../../src/gateway/gate.ts";
import { createPeerReader } from "../../src/gateway/peer.ts";
import { createResponder } from "../../src/gateway/respond.ts";
import type { Route } from "../../src/gateway/route.ts";
import { outcomes } from "../../src/gateway/visit.ts";
import { createMetrics } from "../../src/observability/metrics.ts";
import { createProxyServer } from "../../src/server/proxy-server.ts";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { exampleRoutes, writeConfig } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { startBuiltGate } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

/** A server for clients, a step of whose gate has a defect. */
async function startDefective(t: TestContext, findRoute: () => Route | undefined) {
  const reported: [string, string][] = [];
  const gate = {
    target: { allowEncodedSlash: false },
    routes: { find: findRoute, secretSegments: () => undefined },
    sources: [{ header: "token" }],
    cors: { preflight: "refuse", allowOrigins: [] },
    bodyBytes: 1000,
    takeBodyPlace: () => () => {},
    bodyTurns: createBodyTurns(),
    responder: createResponder({ language: "en", messages: {}, body: '{"error":${error}}' }),
    readPeer: createPeerReader([]),
    keepsTimes: false,
    metrics: createMetrics({ outcomes, kinds: [] }, "test").gate,
    log: () => {},
    tracing: undefined,
    onUncaught: (door: string, error: unknown) => void reported.push([door, String(error)]),
  } as unknown as Gate;
  const minute = 60_000;
  const { server } = createProxyServer(() => gate, {
    tls: undefined,
    engine: "direct",
    headerBytes: 16_384,
    headersTimeoutMs: minute,
    requestTimeoutMs: minute,
    idleTimeoutMs: minute,
    maxConnections: 10,
    receiveTimeoutMs: minute,
    sendTimeoutMs: minute,
    http2: true,
    streams: 10,
  });
  return { port: await listenOnLoopback(t, server), reported };
}

const defect = (): never => {
  throw new TypeError("a defect");
};
const once500 = [["clients", "TypeError: a defect"]];

describe("an error that nobody caught, on the clients' port", () => {
  it("is answered with 500 where it is thrown at once, and reported", async (t) => {
    const { port, reported } = await startDefective(t, defect);
    const reply = await send(`http://127.0.0.1:${port}/me`);
    assert.deepEqual([reply.status, reply.json["error"]], [500, "internal_error"]);
    assert.equal(reply.headers.connection, "close");
    assert.deepEqual(reported, once500);
  });

  it("is answered with 500 where it is thrown behind something that was waited for", async (t) => {
    let judged = 0;
    const { port, reported } = await startDefective(t, () => {
      judged += 1;
      return judged === 1 ? ({ access: "public", needsBody: true } as Route) : defect();
    });
    const reply = await send(`http://127.0.0.1:${port}/me`, { method: "POST", body: "x" });
    assert.deepEqual([reply.status, judged], [500, 2]);
    assert.deepEqual(reported, once500);
  });

  it("ends an upgrade with 500", async (t) => {
    const { port, reported } = await startDefective(t, defect);
    const connection = await openRaw(t, port);
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    connection.write(`GET /me HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`);
    assert.match(await connection.untilClosed(), /^HTTP\/1\.1 500 /);
    assert.deepEqual(reported, once500);
  });
});

describe("an error that nobody caught, at the control socket", () => {
  it("is answered, reported, and costs nobody else a thing", async (t) => {
    const dataDir = temporaryDirectory(t);
    const reported: string[] = [];
    const hold = await holdDataDir(dataDir, (door, error) => {
      reported.push(`${door} ${error}`);
    });
    t.after(() => hold.release());
    hold.serve(async function* (command) {
      if (command === 1) defect();
      yield command === 2 ? { big: 1n } : "fine";
    });
    const ask = async (line: string) => {
      const socket = connect(join(dataDir, "control.sock"));
      socket.write(`${line}\n`);
      return text(socket);
    };
    assert.match(await ask("1"), /^\{"error":"control_failed"/);
    // What cannot be written down.
    assert.match(await ask("2"), /^\{"error":"control_failed"/);
    assert.equal(await ask("3"), '{"value":"fine"}\n{"done":true}\n');
    assert.deepEqual(
      reported.map((each) => each.slice(0, 17)),
      ["control TypeError", "control TypeError"],
    );
    for (const line of ["nonsense", "[".repeat(100_000), "x".repeat(1_100_000)]) {
      assert.match(await ask(line), /"control_failed","message":"expected/);
    }
    assert.equal(reported.length, 2);
  });

  it("takes a bounded number of connections: one that says nothing gives way", async (t) => {
    const dataDir = temporaryDirectory(t);
    const hold = await holdDataDir(dataDir);
    t.after(() => hold.release());
    hold.serve(async function* () {
      yield "fine";
    });
    const path = join(dataDir, "control.sock");
    const silent = Array.from({ length: 100 }, () => connect(path).on("error", () => {}));
    t.after(() => {
      for (const socket of silent) socket.destroy();
    });
    const gone = silent.slice(0, 36).map((socket) => once(socket, "close"));
    for (const socket of silent) socket.resume();
    await Promise.all(gone);
    const socket = connect(path);
    socket.write("1\n");
    assert.match(await text(socket), /"done":true/);
  });
});

describe("an error that reaches the top of the process", () => {
  it("ends nothing: it is counted, logged once, and requests go on", async (t) => {
    const directory = temporaryDirectory(t);
    const application = await startApplication(t);
    await writeConfig(directory, exampleRoutes, application.url);
    const hook = join(directory, "hook.mjs");
    writeFileSync(
      hook,
      `const fail = () => { throw new TypeError("a defect of a timer"); };
process.on("SIGUSR2", () => {
  setImmediate(fail);
  void Promise.resolve().then(() => { throw new TypeError("a defect of a promise"); });
});`,
    );
    const gate = await startBuiltGate(t, join(directory, "revgate.yaml"), {
      NODE_OPTIONS: `--import=${hook}`,
    });
    const counted = async () =>
      /door="process"\} (\d+)/.exec((await send(`${gate.adminUrl}/metrics`)).text)?.[1];
    const token = makeToken();
    for (const expected of ["2", "4"]) {
      gate.child.kill("SIGUSR2");
      while ((await counted()) !== expected) assert.equal(gate.child.exitCode, null);
      assert.equal((await send(`${gate.url}/me`, { headers: { token } })).status, 200);
    }
    const logout = await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
    assert.equal(logout.status, 200);
    assert.equal((await send(`${gate.url}/me`, { headers: { token } })).status, 401);
    assert.equal(await gate.end("SIGTERM"), 0);
  });
});
