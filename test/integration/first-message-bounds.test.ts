import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const routes = `
routes:
  - { path: /small, firstMessage: { protocol: json, token: /token, maxMessageBytes: 1024 } }
  - { path: /large, firstMessage: { protocol: json, token: /token } }
  - { path: /hasty, firstMessage: { protocol: json, token: /token, timeout: 2s } }
  - { path: /patient, firstMessage: { protocol: json, token: /token, timeout: 2m } }
`;

/** An application that remembers how long its messages are, and a revgate before it. */
async function start(t: TestContext) {
  const lengths: number[] = [];
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("message", (data) => lengths.push(String(data).length));
  });
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const gate = await startGate(t, { upstream, yaml: routes });
  const open = async (path: string) => {
    const socket = new WebSocket(`ws://127.0.0.1:${gate.port}${path}`);
    t.after(() => socket.terminate());
    socket.on("error", () => {});
    const closed = new Promise<string>((resolve) => {
      socket.on("close", (code, reason) => resolve(`${code} ${reason}`));
    });
    await once(socket, "open");
    return { socket, closed };
  };
  return { lengths, open, gate };
}

const login = () => JSON.stringify({ token: makeToken() });

describe("the bounds of a WebSocket whose token comes in a message", () => {
  it("are those of its rule for the size of a message, before and after the token", async (t) => {
    const { lengths, open } = await start(t);
    const token = login();
    assert.ok(token.length < 1024);
    const { socket, closed } = await open("/small");
    socket.send(token);
    socket.send("x".repeat(1024));
    await until(() => lengths.length === 2);
    assert.deepEqual(lengths.splice(0), [token.length, 1024]);
    socket.send("x".repeat(2000));
    socket.send("more");
    assert.equal(await closed, "1009 request_too_large");

    const first = await open("/small");
    first.socket.send(login().padEnd(2000));
    assert.equal(await first.closed, "1009 request_too_large");
    assert.deepEqual(lengths, []);

    const large = await open("/large");
    large.socket.send(login());
    large.socket.send("x".repeat(200_000));
    await until(() => lengths.length === 2);
    assert.equal(lengths[1], 200_000);
  });

  it("are those of its rule for the time until a token comes, and end when one has come", async (t) => {
    const { lengths, open } = await start(t);
    const ended: string[] = [];
    const patient = await open("/patient");
    const hasty = await open("/hasty");
    const silent = await open("/hasty");
    for (const [name, { closed }] of Object.entries({ patient, hasty, silent })) {
      void closed.then((how) => ended.push(`${name} ${how}`));
    }
    hasty.socket.send(login());
    await until(() => lengths.length === 1);
    // Opened after the one that has logged in, so its time is over later.
    await silent.closed;
    hasty.socket.send("after");
    await until(() => lengths.length === 2);
    assert.deepEqual(ended, ["silent 4408 request_timeout"]);
    patient.socket.send(login());
    await until(() => lengths.length === 3);
  });

  it("are no leak to Node, nor is a stop while it is open", async (t) => {
    const warnings: string[] = [];
    const onWarning = ({ name, message }: Error) => void warnings.push(`${name}: ${message}`);
    process.on("warning", onWarning);
    t.after(() => process.off("warning", onWarning));
    const { lengths, open, gate } = await start(t);
    const silent = await open("/patient");
    const { socket, closed } = await open("/patient");
    socket.send(login());
    await until(() => lengths.length === 1);
    await gate.stop();
    assert.deepEqual([await closed, await silent.closed], ["1001 ", "1001 "]);
    assert.deepEqual(warnings, []);
  });
});
