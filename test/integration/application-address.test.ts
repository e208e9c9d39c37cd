import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { WebSocket, WebSocketServer } from "ws";
import { ConfigError } from "../../src/errors.ts";
import { listenOnLoopback } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate, writeConfig } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { withoutIpv6 } from "../helpers/ipv6.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

const headers = { token: makeToken(), Host: "shop.example" };

/** Has a server say how it was reached, over WebSocket too. */
function describeReach<Any extends Server>(server: Any): Any {
  server.on("request", (request, response) => {
    const { servername, authorized } = request.socket as TLSSocket;
    response.end(`${request.headers.host} ${servername} ${authorized}`);
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => socket.send(String(request.headers.host)));
  return server;
}

async function listenAt(t: TestContext, server: Server, place: object): Promise<void> {
  server.listen(place);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
}

/** What a request and a WebSocket hear of an application. */
async function reach(t: TestContext, port: number): Promise<[string, string]> {
  const reply = await send(`http://127.0.0.1:${port}/x`, { headers });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, { headers });
  t.after(() => socket.terminate());
  const [data] = (await once(socket, "message")) as [Buffer];
  return [reply.text, data.toString()];
}

describe("the application", () => {
  it("is reached at the path of a socket", async (t) => {
    const path = join(temporaryDirectory(t), "app.sock");
    await listenAt(t, describeReach(createServer()), { path });
    const gate = await startGate(t, { upstream: `unix:${path}` });
    const said = await reach(t, gate.port);
    assert.deepEqual(said, ["shop.example undefined undefined", "shop.example"]);
    const raw = await openRaw(t, gate.port);
    raw.write(`GET /x HTTP/1.0\r\ntoken: ${headers.token}\r\n\r\n`);
    assert.match(await raw.untilClosed(), /\r\n\r\nlocalhost /);
  });

  it("is 502 where there is no such socket, and its requests come through when there is", async (t) => {
    const path = join(temporaryDirectory(t), "app.sock");
    const gate = await startGate(t, { upstream: `unix:${path}` });
    assert.equal((await send(`${gate.url}/x`, { headers })).status, 502);
    await listenAt(t, describeReach(createServer()), { path });
    assert.equal((await send(`${gate.url}/x`, { headers })).status, 200);
  });

  it("is reached at an address of IPv6, for WebSockets too", { skip: withoutIpv6 }, async (t) => {
    const server = describeReach(createServer());
    await listenAt(t, server, { port: 0, host: "::1" });
    const { port } = server.address() as { port: number };
    const gate = await startGate(t, { upstream: `http://[::1]:${port}` });
    const said = await reach(t, gate.port);
    assert.deepEqual(said, ["shop.example undefined undefined", "shop.example"]);
  });
});

describe("an application with TLS", () => {
  const startTls = async (t: TestContext, options: ServerOptions) => {
    const port = await listenOnLoopback(t, describeReach(createTlsServer(options)));
    return `https://127.0.0.1:${port}`;
  };

  it("is asked for and known by serverName", async (t) => {
    const directory = temporaryDirectory(t);
    const own = makeCertificate(directory, { subjectAltName: "DNS:app.internal" });
    const url = await startTls(t, own);
    const yaml = (more: string) => `upstream: { url: "${url}", caFile: cert.pem${more} }`;
    const named = yaml(", serverName: app.internal");
    const gate = await startGate(t, { upstream: url, yaml: named, directory });
    const said = await reach(t, gate.port);
    assert.deepEqual(said, ["shop.example app.internal false", "shop.example"]);
    for (const other of [yaml(""), yaml(", serverName: other.internal")]) {
      const gate = await startGate(t, { upstream: url, yaml: other, directory: makeCopy(t, own) });
      assert.equal((await send(`${gate.url}/x`, { headers })).status, 502);
    }
  });

  it("is shown a certificate where it asks for one", async (t) => {
    const directory = temporaryDirectory(t);
    const own = makeCertificate(directory);
    const { cert } = makeCertificate(directory, { name: "client-" });
    const url = await startTls(t, { ...own, ca: cert, requestCert: true });
    const shown = ", certFile: client-cert.pem, keyFile: client-key.pem";
    const yaml = `upstream: { url: "${url}", caFile: cert.pem${shown} }`;
    const gate = await startGate(t, { upstream: url, yaml, directory });
    assert.deepEqual(await reach(t, gate.port), ["shop.example false true", "shop.example"]);
    const without = `upstream: { url: "${url}", caFile: cert.pem }`;
    const unknown = await startGate(t, {
      upstream: url,
      yaml: without,
      directory: makeCopy(t, own),
    });
    assert.equal((await send(`${unknown.url}/x`, { headers })).status, 502);
  });

  it("is trusted by what Node trusts beside caFile", async (t) => {
    const directory = temporaryDirectory(t);
    const url = await startTls(t, makeCertificate(directory));
    makeCertificate(directory, { name: "other-" });
    const script = `
      import { readFileSync } from "node:fs";
      import { createDial } from "./dist/upstream/dial.js";
      const ca = readFileSync("${join(directory, "other-cert.pem")}");
      const dial = createDial({ url: new URL("${url}"), ca });
      const socket = dial(() => { console.log("reached"); socket.destroy(); });
      socket.on("error", (error) => console.log(error.code));`;
    const run = async (env: NodeJS.ProcessEnv) => {
      const args = ["--input-type=module", "-e", script];
      const options = { cwd: repository, env: { ...process.env, ...env } };
      return (await promisify(execFile)(process.execPath, args, options)).stdout.trim();
    };
    const extra = { NODE_EXTRA_CA_CERTS: join(directory, "cert.pem") };
    const [with_, without] = await Promise.all([run(extra), run({})]);
    assert.deepEqual([with_, without], ["reached", "DEPTH_ZERO_SELF_SIGNED_CERT"]);
  });
});

/** The same certificate in another directory: each data directory serves one gate. */
function makeCopy(t: TestContext, { cert, key }: { cert: string; key: string }): string {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "cert.pem"), cert);
  writeFileSync(join(directory, "key.pem"), key);
  return directory;
}

describe("settings of the application's address", () => {
  const problemsOf = async (
    t: TestContext,
    upstream: string,
    prepare?: (directory: string) => void,
  ) => {
    const directory = temporaryDirectory(t);
    prepare?.(directory);
    try {
      await writeConfig(directory, `upstream: ${upstream}`, "");
      return "";
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.problems.join("\n").replaceAll(directory, "");
    }
  };

  it("that do nothing, or can't be used, are refused by name", async (t) => {
    const withBoth = (directory: string) => {
      const { cert } = makeCertificate(directory);
      makeCertificate(directory, { name: "other-" });
      writeFileSync(join(directory, "cert.pem"), cert);
    };
    const https = "url: 'https://a', certFile: cert.pem";
    for (const [upstream, problem] of [
      ["{ url: 'unix:app.sock' }", /upstream\.url: expected .*unix:/],
      [`{ url: 'unix:/${"a".repeat(110)}' }`, /upstream\.url: expected/],
      ["{ url: 'unix:/a?b' }", /upstream\.url: expected/],
      ["{ serverName: a }", /upstream\.serverName: expected only beside a url with https/],
      ["{ caFile: cert.pem }", /upstream\.caFile: expected only beside a url with https/],
      [`{ ${https} }`, /upstream\.certFile: expected keyFile beside it/],
      [
        `{ ${https}, keyFile: other-key.pem }`,
        /upstream\.certFile: the certificate in cert\.pem and the key in other-key\.pem do not belong together \(/,
      ],
      [
        "{ url: 'https://a', certFile: key.pem, keyFile: public.pem }",
        /upstream\.certFile: key\.pem is no certificate.*\n.*upstream\.keyFile: public\.pem is no private key/,
      ],
      ["{ url: 'https://a', caFile: key.pem }", /upstream\.caFile: expected certificates, PEM/],
      ["{ url: 'https://a', caFile: public.pem }", /upstream\.caFile: expected certificates, PEM/],
    ] as const) {
      assert.match(await problemsOf(t, upstream, withBoth), problem);
    }
  });
});
