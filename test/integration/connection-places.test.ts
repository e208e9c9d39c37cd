import assert from "node:assert/strict";
import { Agent, request as begin, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { startApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { frame, preface, types } from "../helpers/http2-frames.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const max = 6;
const limits = `limits: { maxConnections: ${max} }`;
const stranger = "127.0.0.2";
const headers = { token: makeToken() };

/** A gate with few places, and what of the requests to `/work` waits for an answer. */
async function start(t: TestContext, yaml = limits, directory?: string) {
  const waiting: ServerResponse[] = [];
  const application = await startApplication(t, (request, response) => {
    if (request.url === "/work") waiting.push(response);
    else request.resume().on("end", () => response.end("ok"));
  });
  const gate = await startGate(t, {
    ...{ upstream: application.url, yaml },
    ...(directory !== undefined && { directory, scheme: "https" as const }),
  });
  return { gate, waiting };
}

/** Connections of a stranger on which so much is sent; answers do not matter. */
async function occupy(t: TestContext, { port }: TestGate, bytes: string | Buffer, count = max) {
  const open = () => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: stranger });
    t.after(() => socket.destroy());
    socket.on("error", () => {}).resume();
    return socket;
  };
  const sockets = Array.from({ length: count }, open);
  for (const socket of sockets) socket.write(bytes);
  await Promise.all(
    sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))),
  );
  return sockets;
}

/** Reads one of the port's figures. */
async function figure(gate: TestGate, name: string): Promise<number> {
  const { text } = await send(`${gate.adminUrl}/metrics`);
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length));
}
const crowded = (gate: TestGate, which: string) =>
  figure(gate, `revgate_connections_crowded_total{which="${which}"}`);
const untilFull = (gate: TestGate) =>
  until(async () => (await figure(gate, "revgate_connections")) === max);

const open = (sockets: readonly Socket[]) => sockets.filter((each) => !each.destroyed).length;

describe("places of clients' connections", { concurrency: true }, () => {
  it("are had from those that ask for nothing, however they do it", async (t) => {
    const { gate } = await start(t);
    const settings = Buffer.concat([preface, frame(types.settings, 0, 0)]);
    const ways = [
      "",
      "GET /me HTTP/1.1\r\nHost: a\r\n",
      "GET /me HTTP/1.1\r\nHost: a\r\n\r\n",
      settings,
    ];
    for (const bytes of ways) {
      const held = await occupy(t, gate, bytes);
      await untilFull(gate);
      const agent = new Agent({ keepAlive: true });
      t.after(() => agent.destroy());
      const statuses = [];
      for (let i = 0; i < 2; i += 1)
        statuses.push((await send(`${gate.url}/me`, { headers, agent })).status);
      statuses.push((await send(`${gate.url}/me`, { headers })).status);
      assert.deepEqual(statuses, [200, 200, 200], String(bytes));
      // One place each, and the stranger is told by the end of a connection.
      await until(() => open(held) <= max - 1);
      for (const socket of held) socket.destroy();
    }
  });

  it("are not had from those that wait for an answer", async (t) => {
    const { gate, waiting } = await start(t);
    const held = Array.from({ length: max }, () => {
      const request = begin(`${gate.url}/work`, { headers, localAddress: stranger, agent: false });
      request.end();
      return new Promise<IncomingMessage>((resolve) => request.once("response", resolve));
    });
    await until(() => waiting.length === max);
    await assert.rejects(send(`${gate.url}/me`, { headers }));
    assert.deepEqual([await crowded(gate, "turned_away"), await crowded(gate, "gave_way")], [1, 0]);
    for (const response of waiting) response.end("done");
    for (const answer of await Promise.all(held)) {
      assert.equal(answer.statusCode, 200);
      answer.resume();
    }
  });

  it("are had from half-sent bodies of a network with more than half, for another network", async (t) => {
    const { gate } = await start(t);
    const half = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx";
    const held = await occupy(t, gate, half);
    await until(async () => (await figure(gate, "revgate_upstream_connections")) === max);
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
    await until(() => open(held) === max - 1);
  });

  it("are one for a connection and what TLS makes of it", async (t) => {
    const directory = temporaryDirectory(t);
    const { cert: ca } = makeCertificate(directory);
    const listen =
      "listen: { host: 127.0.0.1, port: 0, tls: { certFile: cert.pem, keyFile: key.pem } }";
    const { gate } = await start(t, `${limits}\n${listen}`, directory);
    const secured = (await occupy(t, gate, "", max)).map((socket) => {
      const secure = connectTls({ socket, ca, host: "127.0.0.1" });
      secure.on("error", () => {});
      return secure;
    });
    await Promise.all(
      secured.map((socket) => new Promise((resolve) => socket.once("secureConnect", resolve))),
    );
    assert.deepEqual([await crowded(gate, "turned_away"), await crowded(gate, "gave_way")], [0, 0]);
    assert.equal((await send(`${gate.url}/me`, { headers, ca })).status, 200);
    await until(() => secured.some((socket) => socket.destroyed));
    // Such as those that never begin with TLS.
    await occupy(t, gate, "");
    assert.equal((await send(`${gate.url}/me`, { headers, ca })).status, 200);
  });

  it("of a trusted proxy stay its own, whatever strangers open", async (t) => {
    const listen = `listen: { host: 127.0.0.1, port: 0, trustedProxies: [${stranger}] }`;
    const { gate } = await start(t, `${limits}\n${listen}`);
    const proxied = await occupy(t, gate, "GET /me HTTP/1.1\r\nHost: a\r\n\r\n", max - 2);
    const open4 = () => {
      const socket = connect({ port: gate.port, host: "127.0.0.1" });
      t.after(() => socket.destroy());
      return socket.on("error", () => {}).resume();
    };
    const strangers = Array.from({ length: 4 * max }, open4);
    await until(() => open(strangers) === 2);
    assert.equal(open(proxied), max - 2);
    const [more] = await occupy(t, gate, "", 1);
    await until(() => open(strangers) === 1);
    assert.equal(more?.destroyed, false);
  });
});
