import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { startApplication, type TestApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { begin, connectHttp2, readReply, sendHttp2 } from "../helpers/http2.ts";
import { endWithAll } from "../helpers/shared.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const run = promisify(execFile);
const internalError = 2;
const refusedStream = 7;

/** What the application does, by path; the rest is echoed. */
const paths: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  "/trailers": (_, response) => {
    response.writeHead(200, { Trailer: "X-Sum", "Set-Cookie": ["a=1", "b=2"], "X-Up": "Yes" });
    response.write("part");
    response.addTrailers({ "X-Sum": "5" });
    response.end();
  },
  "/early": (_, response) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    response.end("late");
  },
  "/breaks": (_, response) => {
    response.writeHead(200);
    response.write("part", () => response.destroy());
  },
  "/events": (_, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("data: first\n\n");
  },
  "/twice": (_, response) => {
    response.writeHead(200, [
      ...["ETag", '"a"', "ETag", '"b"', "Content-Length", "0", "Connection", "close"],
    ]);
    response.end();
  },
  "/upgrade": (_, response) => {
    response.writeHead(426, { Upgrade: "websocket", Connection: "Upgrade" });
    response.end();
  },
};

function answer(request: IncomingMessage, response: ServerResponse): void {
  const special = paths[request.url ?? ""];
  if (special !== undefined) {
    special(request, response);
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString("latin1");
    const { method, url, rawHeaders, rawTrailers } = request;
    response.end(JSON.stringify({ method, url, rawHeaders, rawTrailers, body }));
  });
}

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly rawTrailers: readonly string[];
  readonly body: string;
}

describe("HTTP/2 from clients", () => {
  const ending = endWithAll();
  let shared: Promise<{ application: TestApplication; gate: TestGate }> | undefined;
  /** One gate and one application for most of the tests. */
  const start = () => {
    shared ??= (async () => {
      const application = await startApplication(ending, answer);
      const gate = await startGate(ending, { upstream: application.url, yaml });
      return { application, gate };
    })();
    return shared;
  };
  const yaml = `cors: { allowOrigins: ["https://shop.example"], preflight: answer }`;
  const token = makeToken();
  const withToken = { headers: { token } };

  it("passes with curl, nghttp and h2load on the port of HTTP/1.1, beside that", async () => {
    const { gate } = await start();
    const url = `${gate.url}/me`;
    const curl = ["-s", "--noproxy", "*", "--http2-prior-knowledge", "-H", `token: ${token}`];
    const posted = await run("curl", [...curl, "-d", "x=1", "-w", " %{http_version}", url]);
    assert.match(posted.stdout, /"body":"x=1".* 2$/);
    const { stdout } = await run("nghttp", ["-nv", "-H", `token: ${token}`, url]);
    assert.match(stdout, /:status: 200/);
    const loaded = await run("h2load", ["-n100", "-c2", "-m8", "-H", `token: ${token}`, url]);
    assert.match(loaded.stdout, /100 succeeded, 0 failed, 0 errored/);
    assert.equal((await send(url, withToken)).status, 200);
  });

  it("reaches the application as the request of HTTP/1.1 that means the same", async (t) => {
    const { gate } = await start();
    const session = await connectHttp2(t, gate.url);
    const stream = session.request(
      {
        ":method": "POST",
        ":path": "/a%20b?q=1",
        ":authority": "shop.example",
        cookie: ["a=1", "b=2"],
        "x-one": "1",
        te: "trailers",
        token,
      },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "5", token: "other" }));
    const reply = readReply(stream);
    stream.write("hel");
    stream.end("lo");
    const { method, url, rawHeaders, rawTrailers, body } = JSON.parse((await reply).text) as Echo;
    assert.deepEqual([method, url, body], ["POST", "/a%20b?q=1", "hello"]);
    const sent = (name: string) => rawHeaders[rawHeaders.indexOf(name) + 1];
    assert.deepEqual(
      ["host", "cookie", "x-one", "Transfer-Encoding", "X-Forwarded-Host"].map(sent),
      ["shop.example", "a=1; b=2", "1", "chunked", "shop.example"],
    );
    assert.ok(!rawHeaders.some((name) => name.startsWith(":") || name === "te"));
    assert.deepEqual(rawTrailers, ["x-sum", "5"]);
    const lengthKept = await sendHttp2(session, "/me", {
      ...{ method: "PUT", headers: { token, "content-length": "3" }, body: "abc" },
    });
    const put = JSON.parse(lengthKept.text) as Echo;
    assert.ok(put.rawHeaders.includes("content-length"));
    assert.ok(!put.rawHeaders.includes("Transfer-Encoding"));
  });

  it("hands back the application's answer, its trailers and interim responses", async (t) => {
    const { gate } = await start();
    const session = await connectHttp2(t, gate.url);
    const reply = await sendHttp2(session, "/trailers", withToken);
    assert.deepEqual([reply.status, reply.text, reply.trailers["x-sum"]], [200, "part", "5"]);
    assert.deepEqual(reply.headers["set-cookie"], ["a=1", "b=2"]);
    assert.equal(reply.headers["x-up"], "Yes");

    const stream = begin(session, { ":path": "/early", token });
    const hints = once(stream, "headers");
    const late = readReply(stream);
    const [{ ":status": status, link }] = (await hints) as [Record<string, unknown>];
    assert.deepEqual([status, link], [103, "</style.css>; rel=preload"]);
    assert.equal((await late).text, "late");

    const twice = await sendHttp2(session, "/twice", withToken);
    assert.deepEqual([twice.status, twice.headers["etag"]], [200, '"a", "b"']);
    assert.equal((await sendHttp2(session, "/upgrade", withToken)).status, 426);
    const head = await sendHttp2(session, "/me", { ...withToken, method: "HEAD" });
    assert.deepEqual([head.status, head.text, head.reset], [200, "", 0]);
  });

  it("asks for the body of a client that waits with it, when the verdict is yes", async (t) => {
    const { gate } = await start();
    const session = await connectHttp2(t, gate.url);
    const expecting = { ":method": "POST", ":path": "/me", expect: "100-continue" };
    const stream = begin(session, { ...expecting, token });
    const reply = readReply(stream);
    await once(stream, "continue");
    stream.end("body");
    assert.equal((JSON.parse((await reply).text) as Echo).body, "body");
    const refused = begin(session, expecting);
    refused.on("continue", () => assert.fail("asked for the body of a refused request"));
    const answered = await readReply(refused);
    assert.deepEqual([answered.status, answered.reset], [401, 0]);
  });

  it("is refused like HTTP/1.1, and the other streams go on", async (t) => {
    const { gate, application } = await start();
    const session = await connectHttp2(t, gate.url);
    const before = application.seen.length;
    const missing = await sendHttp2(session, "/me");
    assert.deepEqual(
      [missing.status, JSON.parse(missing.text).error, missing.headers["www-authenticate"]],
      [401, "token_missing", "Bearer"],
    );
    const refused = {
      "//me": withToken,
      "/%2e%2e/me": withToken,
      "/x": { headers: { token, ":authority": "a", host: "other.example" } },
      "/y": { headers: { token, "content-length": "0", ":authority": "user@a" } },
      "/z": { headers: { token, ":scheme": "ftp" } },
    };
    for (const [path, sent] of Object.entries(refused)) {
      const reply = await sendHttp2(session, path, sent);
      assert.deepEqual(
        [reply.status, JSON.parse(reply.text).error],
        [400, "request_ambiguous"],
        path,
      );
    }
    const trace = await sendHttp2(session, "/me", { ...withToken, method: "TRACE" });
    assert.equal(trace.status, 400);
    const connecting = session.request({ ":method": "CONNECT", ":authority": "a:1", token });
    assert.equal((await readReply(connecting)).status, 400);
    const large = await sendHttp2(session, "/me", { headers: { token, x: "x".repeat(17_000) } });
    assert.deepEqual([large.status, JSON.parse(large.text).error], [431, "request_too_large"]);
    assert.equal(application.seen.length, before);
    assert.equal((await sendHttp2(session, "/me", withToken)).status, 200);
    const line = gate.logged().match(/.*"outcome":"token_missing".*/)?.[0] ?? "{}";
    assert.equal(JSON.parse(line).http, "2");
  });

  it("answers a preflight itself", async (t) => {
    const { gate } = await start();
    const session = await connectHttp2(t, gate.url);
    const reply = await sendHttp2(session, "/me", {
      method: "OPTIONS",
      headers: { origin: "https://shop.example", "access-control-request-method": "GET" },
    });
    assert.equal(reply.status, 204);
    assert.equal(reply.headers["access-control-allow-origin"], "https://shop.example");
  });

  it("holds a logout until it is in force, for streams of the same connection too", async (t) => {
    const { gate } = await start();
    const session = await connectHttp2(t, gate.url);
    const own = makeToken();
    const sent = { headers: { token: own } };
    assert.equal((await sendHttp2(session, "/me", sent)).status, 200);
    const logout = await sendHttp2(session, "/logout", { ...sent, method: "POST", body: "" });
    assert.equal(logout.status, 200);
    const after = await sendHttp2(session, "/me", sent);
    assert.deepEqual([after.status, JSON.parse(after.text).error], [401, "token_revoked"]);
    assert.equal((await send(`${gate.url}/me`, sent)).status, 401);
  });

  it("resets a stream whose token is revoked, and one that the application breaks off", async (t) => {
    const { gate } = await start();
    const session = await connectHttp2(t, gate.url);
    const own = makeToken();
    const events = begin(session, { ":path": "/events", token: own });
    const reply = readReply(events);
    await once(events, "data");
    const other = begin(session, { ":path": "/events", token });
    const kept = readReply(other);
    await once(other, "data");
    await send(`${gate.url}/logout`, { method: "POST", headers: { token: own } });
    const cut = await reply;
    assert.deepEqual([cut.status, cut.reset], [200, internalError]);
    assert.equal(other.closed, false);
    other.close();
    await kept;
    const broken = await sendHttp2(session, "/breaks", withToken);
    assert.deepEqual([broken.status, broken.reset], [200, internalError]);
  });

  it("notices a client that gives up its stream, and lets the application know", async (t) => {
    const { gate, application } = await start();
    const session = await connectHttp2(t, gate.url);
    const events = begin(session, { ":path": "/events", token });
    await once(events, "data");
    const seen = application.seen.at(-1);
    assert.ok(seen !== undefined);
    const gone = once(seen.socket, "close");
    events.close();
    await gone;
    assert.equal((await sendHttp2(session, "/me", withToken)).status, 200);
  });

  it("keeps flow control both ways: nothing is buffered for one who does not read", async (t) => {
    const size = 8 * 1024 * 1024;
    let taken = 0;
    const application = await startApplication(t, (request, response) => {
      if (request.method === "GET") response.end(Buffer.alloc(size));
      else request.pause();
    });
    const gate = await startGate(t, { upstream: application.url });
    const session = await connectHttp2(t, gate.url);
    const download = session.request({ ":path": "/me", token });
    download.on("error", () => {});
    await once(download, "response");
    const upload = begin(session, { ":method": "POST", ":path": "/me", token });
    const piece = Buffer.alloc(16_384);
    const fill = () => {
      while (upload.write(piece)) taken += piece.length;
    };
    upload.on("drain", fill);
    fill();
    await until(() => application.seen.length === 2);
    // Another stream is served meanwhile, so what can move has moved.
    for (let i = 0; i < 20; i += 1) assert.equal((await sendHttp2(session, "/me")).status, 401);
    assert.ok(taken < size / 2, `${taken} bytes of the body were taken`);
    const sockets = application.seen.map(({ socket }) => socket);
    assert.ok((sockets[0]?.writableLength ?? 0) > size / 2, "the answer was taken");
    let read = 0;
    download.on("data", (chunk: Buffer) => {
      read += chunk.length;
    });
    await once(download, "end");
    assert.equal(read, size);
  });

  it("goes by way of TLS if the client chooses it, and HTTP/1.1 if it does not", async (t) => {
    const directory = temporaryDirectory(t);
    const { cert } = makeCertificate(directory);
    const application = await startApplication(t, answer);
    const tls = `listen: { host: 127.0.0.1, port: 0, tls: { certFile: cert.pem, keyFile: key.pem } }`;
    const gate = await startGate(t, {
      ...{ upstream: application.url, directory, scheme: "https" as const, yaml: tls },
    });
    const session = await connectHttp2(t, gate.url, { ca: cert });
    assert.equal(session.alpnProtocol, "h2");
    const reply = await sendHttp2(session, "/me", withToken);
    const { rawHeaders } = JSON.parse(reply.text) as Echo;
    assert.equal(rawHeaders[rawHeaders.indexOf("X-Forwarded-Proto") + 1], "https");
    assert.equal((await send(`${gate.url}/me`, { ...withToken, ca: cert })).status, 200);
  });

  it("tells clients to leave when revgate stops, and answers what is in progress", async (t) => {
    const application = await startApplication(t, (request, response) => {
      if (request.url === "/slow") waiting.push(response);
      else response.end("ok");
    });
    const waiting: ServerResponse[] = [];
    const gate = await startGate(t, { upstream: application.url });
    const session = await connectHttp2(t, gate.url);
    const slow = sendHttp2(session, "/slow", withToken);
    await until(() => waiting.length === 1);
    const goaway = once(session, "goaway");
    const stopped = gate.stop();
    const [code] = (await goaway) as [number];
    assert.equal(code, 0);
    waiting[0]?.end("late");
    assert.equal((await slow).text, "late");
    await stopped;
  });

  it("is not spoken where the operator says so, nor in a line of HTTP/1.1", async (t) => {
    const application = await startApplication(t);
    const yaml = "listen: { host: 127.0.0.1, port: 0, http2: false }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const off = await openRaw(t, gate.port);
    off.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert.match(await off.untilClosed(), /^HTTP\/1.1 400 .*request_ambiguous/s);
    const { gate: other } = await start();
    const late = await openRaw(t, other.port);
    late.write(`GET /me HTTP/1.1\r\nHost: a\r\n\r\n`);
    await late.until(/token_missing/);
    late.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert.match(await late.untilClosed(), /HTTP\/1.1 400 .*request_ambiguous/s);
    const line = await openRaw(t, other.port);
    line.write(`GET /me HTTP/2.0\r\nHost: a\r\ntoken: ${token}\r\n\r\n`);
    assert.match(await line.untilClosed(), /^HTTP\/1.1 400 .*request_ambiguous/s);
  });

  it("refuses streams unprocessed beyond what may be in progress on all connections", async (t) => {
    const application = await startApplication(t, answer);
    const yaml = "limits: { maxConnections: 2 }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const session = await connectHttp2(t, gate.url);
    const open = [1, 2].map(() => begin(session, { ":path": "/events", token }));
    for (const events of open) await once(events, "data");
    const third = await sendHttp2(session, "/me", withToken);
    assert.deepEqual([third.status, third.reset], [0, refusedStream]);
    open[0]?.close();
    await until(async () => (await sendHttp2(session, "/me", withToken)).status === 200);
    assert.match(
      (await send(`${gate.adminUrl}/metrics`)).text,
      /revgate_http2_faults_total\{reason="crowded"\} [1-9]/,
    );
  });
});
