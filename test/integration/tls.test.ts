import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import { describe, it, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

async function startTlsApplication(t: TestContext, directory: string) {
  const { cert, key } = makeCertificate(directory);
  const server = createServer({ cert, key }, (request, response) => {
    response.end(`${request.headers["x-forwarded-proto"]} ${request.headers.host}`);
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
  let connected = 0;
  server.on("secureConnection", () => {
    connected += 1;
  });
  const port = await listenOnLoopback(t, server);
  return { upstream: `https://127.0.0.1:${port}`, connections: () => connected };
}

describe("TLS", () => {
  it("works on the listening side, and the application is told", async (t) => {
    const directory = temporaryDirectory(t);
    const { cert } = makeCertificate(directory);
    const application = await startApplication(t, (request, response) => {
      response.end(String(request.headers["x-forwarded-proto"]));
    });
    const yaml =
      "listen: { host: 127.0.0.1, port: 0, tls: { certFile: cert.pem, keyFile: key.pem } }";
    const gate = await startGate(t, {
      upstream: application.url,
      yaml,
      directory,
      scheme: "https",
    });
    const headers = { token: makeToken() };
    const reply = await send(`${gate.url}/me`, { headers, ca: cert });
    assert.deepEqual([reply.status, reply.text], [200, "https"]);
    assert.equal((await send(`${gate.url}/me`, { ca: cert })).status, 401);
    await send(`${gate.url}/logout`, { method: "POST", headers, ca: cert });
    assert.equal((await send(`${gate.url}/me`, { headers, ca: cert })).status, 401);
  });

  it("works towards an https application whose certificate is trusted", async (t) => {
    const directory = temporaryDirectory(t);
    const { upstream, connections } = await startTlsApplication(t, directory);
    // An address is no server name (RFC 6066 section 3); Node warns where one is sent.
    const warnings: unknown[] = [];
    const onWarning = (warning: Error) => void warnings.push("code" in warning && warning.code);
    process.on("warning", onWarning);
    t.after(() => process.off("warning", onWarning));
    const yaml = `upstream: { url: "${upstream}", caFile: cert.pem }`;
    const gate = await startGate(t, { upstream, yaml, directory });
    // The name that clients use is not the name in the application's certificate, and takes no part in
    // which connection a request goes over.
    const headers = { token: makeToken(), Host: "shop.example" };
    await send(`${gate.url}/me`, { headers: { ...headers, Host: "other.example" } });
    const reply = await send(`${gate.url}/me`, { headers });
    assert.deepEqual([reply.status, reply.text], [200, "http shop.example"]);
    assert.equal(connections(), 1);

    const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/chat`, { headers });
    t.after(() => socket.terminate());
    await once(socket, "open");
    socket.send("hello");
    const [data] = (await once(socket, "message")) as [Buffer];
    assert.equal(data.toString(), "hello");
    assert.ok(!warnings.includes("DEP0123"));
  });

  it("refuses an https application whose certificate is not trusted", async (t) => {
    const { upstream } = await startTlsApplication(t, temporaryDirectory(t));
    const gate = await startGate(t, { upstream });
    const headers = { token: makeToken() };
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 502);
    const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/chat`, { headers });
    socket.on("error", () => {});
    const [, response] = (await once(socket, "unexpected-response")) as [
      unknown,
      { statusCode: number },
    ];
    assert.equal(response.statusCode, 502);
  });
});
