import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { startApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { testedEngine } from "../helpers/engine.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send, statusesIn } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { findProgram } from "../tools/programs.ts";

/** The header lines with which default clients ask for another protocol, as they send them. */
const clients: Record<string, readonly string[]> = {
  "java.net.http.HttpClient": [
    "Connection: Upgrade, HTTP2-Settings",
    "Host: a",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    "Upgrade: h2c",
    "User-Agent: Java-http-client/21.0.2",
  ],
  "Apache HttpClient 5.4": [
    "Accept-Encoding: gzip, x-gzip, deflate",
    "Upgrade: TLS/1.2",
    "Connection: Upgrade",
    "Host: a",
    "User-Agent: Apache-HttpClient/5.4 (Java/21.0.2)",
  ],
  "curl --http2": [
    "Host: a",
    "User-Agent: curl/8.14.1",
    "Accept: */*",
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
  ],
};

/**
 * Since Node asks whether a connection is to be upgraded, a request with a body is the last of its connection
 * on the engine that goes by what Node documents.
 */
const endsBehindBodies = testedEngine === "node" && "shouldUpgradeCallback" in createServer();

const token = makeToken();
const plain = `GET /behind HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\n\r\n`;

function requestBy(client: string, first: string, more: readonly string[] = [], body = ""): string {
  const lines = [`${first} HTTP/1.1`, ...(clients[client] ?? []), `token: ${token}`, ...more];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** An application that answers with what it was asked, and remembers the bodies. */
async function startEcho(t: TestContext) {
  const bodies: string[] = [];
  const application = await startApplication(t, async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    bodies.push(body);
    response.end(`${request.method} ${request.url}`);
  });
  return { ...application, bodies };
}

/** Sends a text in parts, cut at these places; resolves with all answers when the last has come. */
async function exchangeInParts(t: TestContext, port: number, text: string, at: readonly number[]) {
  const raw = await openRaw(t, port);
  raw.socket.setNoDelay(true);
  for (const [index, start] of [0, ...at].entries()) {
    const part = text.slice(start, at[index]);
    await new Promise((resolve) => raw.socket.write(part, "latin1", resolve));
  }
  if (endsBehindBodies) return raw.untilClosed();
  const [received] = await raw.until(/[\s\S]*GET \/behind$/);
  raw.socket.destroy();
  return received;
}

/** What must not reach the application of the upgrade. */
function assertUnheard({ rawHeaders }: IncomingMessage) {
  const lower = rawHeaders.map((each) => each.toLowerCase());
  assert.ok(!lower.includes("upgrade") && !lower.includes("http2-settings"), String(rawHeaders));
}

describe("a request that asks for another protocol", () => {
  for (const client of Object.keys(clients)) {
    it(`is served as though it had not, and so is what comes behind it: ${client}`, async (t) => {
      const application = await startEcho(t);
      const gate = await startGate(t, { upstream: application.url });
      const chunked = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n";
      const text = [
        requestBy(client, "GET /first"),
        requestBy(client, "POST /second", ["Content-Length: 5"], "hello"),
        requestBy(client, "POST /third", ["Transfer-Encoding: chunked"], chunked),
        plain,
      ].join("");
      // All at once; cut where the parts meet and in the middle of them; a byte at a time.
      const cuts = [[], [10], [text.indexOf("\r\n\r\n") + 2], [text.indexOf("hello") + 2]];
      const behind = [text.indexOf("POST"), text.indexOf("POST /third")];
      const every = Array.from({ length: text.length }, (_, index) => index);
      for (const at of [...cuts, behind, every]) {
        const received = await exchangeInParts(t, gate.port, text, at);
        const answers = [...received.matchAll(/(?:GET|POST) \/(?:first|second|third|behind)/g)].map(
          ([answer]) => answer,
        );
        const all = ["GET /first", "POST /second", "POST /third", "GET /behind"];
        const count = endsBehindBodies ? 2 : 4;
        assert.deepEqual(answers, all.slice(0, count));
        const bodies = ["", "hello", "hello world", ""];
        assert.deepEqual(application.bodies.splice(0), bodies.slice(0, count));
      }
      for (const request of application.seen) assertUnheard(request);
    });
  }

  it("is what curl sends by itself, with a body too", async (t) => {
    const application = await startEcho(t);
    const gate = await startGate(t, { upstream: application.url });
    const sent = ["-s", "--http2", "-H", `token: ${token}`, "--data-binary", "x".repeat(100_000)];
    const args = [...sent, `${gate.url}/one`, `${gate.url}/two`];
    const { stdout } = await promisify(execFile)(findProgram(["curl"]), args);
    assert.equal(stdout, "POST /onePOST /two");
    assert.deepEqual(
      application.bodies.map(({ length }) => length),
      [100_000, 100_000],
    );
  });

  it("waits behind one that is still being answered, and is judged in its turn", async (t) => {
    const application = await startEcho(t);
    const gate = await startGate(t, { upstream: application.url });
    const own = makeToken({ sub: "leaving" });
    const lines = `Host: a\r\ntoken: ${own}\r\n`;
    const upgrade = "Connection: Upgrade\r\nUpgrade: h2c\r\n";
    const raw = await openRaw(t, gate.port);
    raw.write(
      `GET /before HTTP/1.1\r\n${lines}\r\nPOST /logout HTTP/1.1\r\n${lines}${upgrade}Content-Length: 2\r\n\r\nok` +
        `GET /me HTTP/1.1\r\n${lines}${upgrade}\r\n`,
    );
    if (!endsBehindBodies) await raw.until(/token_revoked"[^}]*}/);
    else await raw.untilClosed();
    const statuses = endsBehindBodies ? [200, 200] : [200, 200, 401];
    assert.deepEqual(statusesIn(raw.received()), statuses);
    assert.equal(application.seen.length, 2);
  });

  it("leaves nothing behind, however often a connection carries one", async (t) => {
    const application = await startEcho(t);
    const gate = await startGate(t, { upstream: application.url });
    const warnings: Error[] = [];
    const warn = (warning: Error) => void warnings.push(warning);
    process.on("warning", warn);
    t.after(() => process.off("warning", warn));
    const raw = await openRaw(t, gate.port);
    for (let count = 1; count <= 30; count += 1) {
      raw.write(requestBy("Apache HttpClient 5.4", `GET /${count}`));
      await raw.until(new RegExp(`GET /${count}$`));
    }
    assert.deepEqual(warnings, []);
    assert.match((await send(`${gate.adminUrl}/metrics`)).text, /^revgate_connections 1$/m);
    assert.match(
      (await send(`${gate.adminUrl}/metrics`)).text,
      /^revgate_upgraded_connections 0$/m,
    );
  });

  it("is served over TLS as well", async (t) => {
    const application = await startEcho(t);
    const directory = temporaryDirectory(t);
    const { cert } = makeCertificate(directory);
    const files = { certFile: join(directory, "cert.pem"), keyFile: join(directory, "key.pem") };
    const yaml = `listen: { host: 127.0.0.1, port: 0, tls: ${JSON.stringify(files)} }`;
    const gate = await startGate(t, { upstream: application.url, yaml, directory });
    const socket = connectTls({ port: gate.port, host: "127.0.0.1", ca: cert });
    t.after(() => socket.destroy());
    await once(socket, "secureConnect");
    const java = "java.net.http.HttpClient";
    socket.write(requestBy(java, "POST /first", ["Content-Length: 5"], "hello") + plain);
    let received = "";
    for await (const chunk of socket) {
      received += chunk;
      if (received.endsWith("GET /behind")) break;
    }
    const count = endsBehindBodies ? 1 : 2;
    assert.deepEqual(statusesIn(received), [200, 200].slice(0, count));
    assert.deepEqual(application.bodies, ["hello", ""].slice(0, count));
  });

  it("is refused like any other without a token, and its connection is kept", async (t) => {
    const application = await startEcho(t);
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    raw.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    await raw.until(/token_missing/);
    raw.write(plain);
    const [received] = await raw.until(/[\s\S]*GET \/behind$/);
    assert.deepEqual(statusesIn(received), [401, 200]);
  });
});

describe("an upgrade that hides something", () => {
  const inner = `GET /inner HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\n\r\n`;
  const upgrade = "Connection: Upgrade\r\nUpgrade: h2c\r\n";
  const head = `Host: a\r\ntoken: ${token}\r\n${upgrade}`;
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0";

  it("hides no request in its body", async (t) => {
    const application = await startEcho(t);
    const gate = await startGate(t, { upstream: application.url });
    for (const [framing, body] of [
      [`Content-Length: ${inner.length}`, inner],
      ["Transfer-Encoding: chunked", `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`],
    ]) {
      const raw = await openRaw(t, gate.port);
      raw.write(`POST /outer HTTP/1.1\r\n${head}${framing}\r\n\r\n${body}${plain}`);
      if (!endsBehindBodies) await raw.until(/GET \/behind$/);
      else await raw.untilClosed();
      assert.equal(statusesIn(raw.received()).length, endsBehindBodies ? 1 : 2);
    }
    const bodies = application.bodies.filter((body) => body !== "");
    assert.deepEqual(bodies, [inner, inner]);
    assert.ok(application.seen.every(({ url }) => url !== "/inner"));
  });

  const refused: Record<string, [lines: string, behind: string]> = {
    "two framings": ["Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"],
    "two lengths": ["Content-Length: 3\r\nContent-Length: 4\r\n", "abc"],
    "another coding": ["Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"],
    "two Hosts": ["Host: b\r\n", ""],
    "too many lines": [`${"X: a\r\n".repeat(300)}Transfer-Encoding: chunked\r\n`, "0\r\n\r\n"],
    "websocket among others": ["Upgrade: websocket\r\n", ""],
    "another expectation": ["Expect: 200-ok\r\n", ""],
  };
  for (const [what, [lines, behind]] of Object.entries(refused)) {
    it(`is refused, and nothing behind it counts: ${what}`, async (t) => {
      const application = await startEcho(t);
      const gate = await startGate(t, { upstream: application.url });
      const raw = await openRaw(t, gate.port);
      raw.write(`POST /outer HTTP/1.1\r\n${head}${lines}\r\n${behind}${inner}`);
      const received = await raw.untilClosed();
      assert.match(received, /^HTTP\/1\.1 4\d\d /);
      assert.equal(statusesIn(received).length, 1, received);
      assert.equal(application.seen.length, 0);
    });
  }

  it("is followed by no HTTP/2: what a client sends that does not wait for 101 is refused", async (t) => {
    const application = await startEcho(t);
    const gate = await startGate(t, { upstream: application.url });
    for (const behind of [preface, `${preface}${inner}`, "GARBAGE\r\n\r\n"]) {
      const raw = await openRaw(t, gate.port);
      raw.write(`GET /outer HTTP/1.1\r\n${head}\r\n${behind}`);
      const received = await raw.untilClosed();
      assert.ok(statusesIn(received).length <= 2, received);
      assert.doesNotMatch(received, /inner/);
    }
    // Node's own way may cut the answer off with the connection, and nothing else may come.
    assert.ok(application.seen.every(({ url }) => url === "/outer"));
  });

  it("does not count behind the last answer of a connection", async (t) => {
    const application = await startEcho(t);
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    const last = `GET /last HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\nConnection: close\r\n\r\n`;
    raw.write(`${last}GET /outer HTTP/1.1\r\n${head}\r\n`);
    const received = await raw.untilClosed();
    assert.deepEqual(statusesIn(received), [200], received);
    assert.deepEqual(
      application.seen.map(({ url }) => url),
      ["/last"],
    );
  });
});
