import assert from "node:assert/strict";
import { once } from "node:events";
import { createSecureServer, type ServerHttp2Stream } from "node:http2";
import { createServer } from "node:https";
import { describe, it, type TestContext } from "node:test";
import type { TLSSocket } from "node:tls";
import { WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { connectHttp2, sendHttp2 } from "../helpers/http2.ts";
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

describe("TLS to an application that speaks HTTP/2", () => {
  /** Answers with what it sees of the request and of the connection. */
  async function startApplicationOfHttp2(
    t: TestContext,
    directory: string,
    subjectAltName: string,
  ) {
    const { cert, key } = makeCertificate(directory, { subjectAltName });
    const server = createSecureServer({ cert, key });
    const offers: (string | false | null)[] = [];
    const names: unknown[] = [];
    server.on("secureConnection", (socket: TLSSocket) => {
      offers.push(socket.alpnProtocol);
      names.push(socket.servername);
    });
    server.on("sessionError", () => {});
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      stream.on("error", () => {});
      const { ":scheme": scheme, ":authority": authority } = headers;
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "5" }));
      stream.end(`${scheme} ${authority} ${headers["x-forwarded-proto"]}`);
    });
    const port = await listenOnLoopback(t, server);
    return { upstream: `https://127.0.0.1:${port}`, offers, names };
  }

  const startGateTo = (t: TestContext, upstream: string, directory: string, more = "") =>
    startGate(t, {
      ...{ upstream, directory },
      yaml: `upstream: { url: "${upstream}", protocol: http2, caFile: cert.pem${more} }`,
    });
  const headers = { token: makeToken() };

  it("is agreed on by ALPN, once for requests of both protocols and to every host", async (t) => {
    const directory = temporaryDirectory(t);
    const application = await startApplicationOfHttp2(t, directory, "IP:127.0.0.1");
    const gate = await startGateTo(t, application.upstream, directory);
    const first = await send(`${gate.url}/me`, { headers: { ...headers, Host: "a.example" } });
    assert.deepEqual([first.status, first.text], [200, "https a.example http"]);
    const session = await connectHttp2(t, gate.url);
    const second = await sendHttp2(session, "/me", {
      headers: { ...headers, ":authority": "b.example" },
    });
    assert.deepEqual([second.text, second.trailers["x-sum"]], ["https b.example http", "5"]);
    assert.deepEqual([application.offers, application.names], [["h2"], [false]]);
    // A logout is held over this way as over every other.
    assert.equal((await send(`${gate.url}/logout`, { method: "POST", headers })).status, 200);
    assert.equal((await sendHttp2(session, "/me", { headers })).status, 401);
  });

  it("asks for the name that is configured, and believes a certificate for that alone", async (t) => {
    const directory = temporaryDirectory(t);
    const application = await startApplicationOfHttp2(t, directory, "DNS:app.internal");
    const own = { headers: { token: makeToken() } };
    const named = await startGateTo(
      t,
      application.upstream,
      directory,
      ", serverName: app.internal",
    );
    assert.equal((await send(`${named.url}/me`, own)).status, 200);
    assert.deepEqual(application.names, ["app.internal"]);
    await named.stop();
    for (const more of ["", ", serverName: other.internal"]) {
      const gate = await startGateTo(t, application.upstream, directory, more);
      assert.equal((await send(`${gate.url}/me`, own)).status, 502);
      assert.match(gate.logged(), /ERR_TLS_CERT_ALTNAME_INVALID/);
      await gate.stop();
    }
  });

  it("is refused if the certificate is not trusted, and no request is sent", async (t) => {
    const directory = temporaryDirectory(t);
    const stranger = await startApplicationOfHttp2(t, temporaryDirectory(t), "IP:127.0.0.1");
    makeCertificate(directory);
    const gate = await startGateTo(t, stranger.upstream, directory);
    const own = { token: makeToken() };
    const session = await connectHttp2(t, gate.url);
    assert.equal((await sendHttp2(session, "/me", { headers: own })).status, 502);
    assert.match(gate.logged(), /DEPTH_ZERO_SELF_SIGNED_CERT|self.signed certificate/);
    // What never left revgate has revoked nothing.
    const logout = await send(`${gate.url}/logout`, { method: "POST", headers: own });
    assert.equal(logout.status, 502);
    assert.match((await send(`${gate.url}/me`, { headers: own })).text, /upstream/);
  });

  for (const [what, options] of Object.entries({
    "offers HTTP/1.1 alone": { ALPNProtocols: ["http/1.1"] },
    "does not know ALPN": { ALPNProtocols: [] },
  })) {
    it(`is not spoken with an application that ${what}`, async (t) => {
      const directory = temporaryDirectory(t);
      let requests = 0;
      const server = createServer({ ...makeCertificate(directory), ...options }, (_, response) => {
        requests += 1;
        response.end();
      });
      server.on("tlsClientError", () => {}).on("clientError", (_, socket) => socket.destroy());
      const upstream = `https://127.0.0.1:${await listenOnLoopback(t, server)}`;
      const gate = await startGateTo(t, upstream, directory);
      assert.equal((await send(`${gate.url}/me`, { headers: { token: makeToken() } })).status, 502);
      assert.match(gate.logged(), /does not offer HTTP\/2|NO_APPLICATION_PROTOCOL/i);
      assert.equal(requests, 0);
    });
  }
});
