import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send, statusesIn } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const token = makeToken();
const host = "Host: a\r\n";
const auth = `token: ${token}\r\n`;
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** An application that answers each request, once it is whole, with these bytes; it remembers what it received. */
async function startBytes(t: TestContext, answer: string | ((request: string) => string) = ok) {
  const requests: string[] = [];
  const server = createServer((socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (!isWhole(text)) return;
      requests.push(text);
      socket.write(typeof answer === "string" ? answer : answer(text), "latin1");
      text = "";
    });
  });
  const port = await listenOnLoopback(t, server);
  return { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, requests };
}

function isWhole(text: string): boolean {
  if (/\r\ntransfer-encoding: /i.test(text)) return /\r\n0\r\n(?:.+\r\n)*\r\n$/.test(text);
  const end = text.indexOf("\r\n\r\n");
  const [, length = "0"] = /\r\ncontent-length: (\d+)/i.exec(text) ?? [];
  return end !== -1 && text.length >= end + 4 + Number(length);
}

/** The lines of a head, its first one included. */
const linesOf = (text: string) => text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");

describe("a request of HTTP/1.0 without Host", () => {
  it("gets the application's, as the health checks of balancers need it", async (t) => {
    const application = await startBytes(t);
    const yaml = "routes: [ { path: /health, access: public } ]";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const raw = await openRaw(t, gate.port);
    raw.write("GET /health HTTP/1.0\r\n\r\n");
    assert.deepEqual(statusesIn(await raw.untilClosed()), [200]);
    const [first, second, ...more] = linesOf(application.requests[0] ?? "");
    assert.deepEqual([first, second], ["GET /health HTTP/1.1", `Host: ${application.host}`]);
    assert.ok(
      more.every((line) => !/host/i.test(line)),
      String(more),
    );
  });
});

describe("an absolute target", () => {
  it("whose authority is the Host is the same as its path, and meets the same rules", async (t) => {
    const application = await startBytes(t);
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    const targets = [
      ["GET http://a/x?y=1", "GET /x?y=1 HTTP/1.1"],
      ["GET HTTP://A", "GET / HTTP/1.1"],
      ["POST http://a/logout", "POST /logout HTTP/1.1"],
    ] as const;
    for (const [index, [target, first]] of targets.entries()) {
      raw.write(`${target} HTTP/1.1\r\n${host}${auth}Content-Length: 0\r\n\r\n`);
      await raw.untilTimes("\r\nok", index + 1);
      const [line, sentHost] = linesOf(application.requests[index] ?? "");
      assert.deepEqual([line, sentHost], [first, "Host: a"]);
    }
    raw.write(`GET http://a/x HTTP/1.1\r\n${host}${auth}\r\n`);
    await raw.until(/token_revoked/);
  });

  it("with another authority, or more than one meaning, is refused", async (t) => {
    const application = await startBytes(t);
    const gate = await startGate(t, { upstream: application.url });
    const targets = ["http://b/x", "http://u@a/x", "http://a//x", "http://a/../x", "ftp://a/x"];
    for (const target of [...targets, "http://a:80/x", "http://a#/x", "http://a\\x/"]) {
      const raw = await openRaw(t, gate.port);
      raw.write(`GET ${target} HTTP/1.1\r\n${host}${auth}\r\n`);
      assert.deepEqual(statusesIn(await raw.untilClosed()), [400], target);
    }
    assert.equal(application.requests.length, 0);
  });
});

describe("trailers of a request", () => {
  const body = "5\r\nhello\r\n0\r\nX-Sum: 42\r\nToken: forged\r\nx-sum: \xe9\r\n\r\n";
  const head = `${host}${auth}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n`;

  it("pass, less what revgate decides by", async (t) => {
    const application = await startBytes(t);
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    raw.write(`POST /x HTTP/1.1\r\n${head}${body}`);
    await raw.until(/ok$/);
    const [request = ""] = application.requests;
    assert.ok(request.includes("\r\nTrailer: X-Sum\r\n"), request);
    assert.ok(request.endsWith("0\r\nX-Sum: 42\r\nx-sum: \xe9\r\n\r\n"), request);
  });

  it("pass behind a body that was read before", async (t) => {
    const application = await startBytes(t);
    const yaml = "routes: [ { path: /x, access: public, from: [ { form: t } ] } ]";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const raw = await openRaw(t, gate.port);
    raw.write(
      `POST /x HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n${head}${body}`,
    );
    await raw.until(/ok$/);
    assert.ok(application.requests[0]?.endsWith("0\r\nX-Sum: 42\r\nx-sum: \xe9\r\n\r\n"));
  });
});

describe("what a response says of itself", () => {
  const exchange = async (t: TestContext, answer: string, first = "GET /x HTTP/1.1") => {
    const application = await startBytes(t, answer);
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    raw.write(`${first}\r\n${host}${auth}\r\n`);
    return raw;
  };

  it("has no length in 204 and 1xx, and the connection is kept", async (t) => {
    const hints = "HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\nLink: </a>\r\n\r\n";
    const raw = await exchange(t, `${hints}HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n`);
    await raw.until(/ 204 No Content\r\n[\s\S]*\r\n\r\n$/);
    assert.doesNotMatch(raw.received(), /content-length/i);
    assert.match(raw.received(), /\r\nLink: <\/a>\r\n/);
    raw.write(`GET /x HTTP/1.1\r\n${host}${auth}\r\n`);
    await raw.until(/(?: 204 [\s\S]*){2}\r\n\r\n$/);
  });

  it("says which protocols there are with 426", async (t) => {
    const upgrade = "Upgrade: HTTP/3.0\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok";
    const raw = await exchange(t, `HTTP/1.1 426 Upgrade Required\r\n${upgrade}`);
    const text = await raw.untilClosed();
    assert.match(text, /\r\nUpgrade: HTTP\/3\.0\r\n/);
    assert.match(text, /\r\nConnection: close, Upgrade\r\n/);
    assert.equal(
      (await (await exchange(t, `HTTP/1.1 200 OK\r\n${upgrade}`)).until(/ok$/)).length,
      1,
    );
  });

  it("announces trailers where they can follow, and has none that say where it ends", async (t) => {
    const answer =
      "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" +
      "2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\n";
    const raw = await exchange(t, answer);
    await raw.until(/\r\n0\r\nX-Sum: 1\r\n\r\n$/);
    assert.match(raw.received(), /\r\nTrailer: X-Sum\r\n/);
    const old = await (await exchange(t, answer, "GET /x HTTP/1.0")).untilClosed();
    assert.doesNotMatch(old, /trailer|x-sum/i);
    assert.match(old, /\r\n\r\nok$/);
  });
});

describe("what revgate says of itself", () => {
  it("is X-Forwarded-* alone, unless a trusted proxy says Forwarded", async (t) => {
    const application = await startBytes(t);
    const proxied = { token, Forwarded: "for=192.0.2.1;proto=https", "X-Forwarded-Proto": "https" };
    const gate = await startGate(t, { upstream: application.url });
    await send(`${gate.url}/x`, { headers: proxied });
    assert.doesNotMatch(application.requests[0] ?? "", /\r\nforwarded:/i);
    assert.match(application.requests[0] ?? "", /\r\nX-Forwarded-Proto: http\r\n/);

    const yaml = "listen: { host: 127.0.0.1, port: 0, trustedProxies: [127.0.0.1] }";
    const trusting = await startGate(t, { upstream: application.url, yaml });
    await send(`${trusting.url}/x`, { headers: proxied });
    const line =
      /\r\nForwarded: for=192\.0\.2\.1;proto=https, for=127\.0\.0\.1;host="[^"]+";proto=http\r\n/;
    assert.match(application.requests[1] ?? "", line);
    const { Forwarded: _, ...without } = proxied;
    await send(`${trusting.url}/x`, { headers: without });
    assert.doesNotMatch(application.requests[2] ?? "", /\r\nforwarded:/i);
  });

  it("is Forwarded and Via too, both ways, where that is set", async (t) => {
    const answer = "HTTP/1.0 200 OK\r\nVia: 1.1 cache\r\nContent-Length: 2\r\n\r\nok";
    const application = await startBytes(t, answer);
    const yaml = `upstream: { url: "${application.url}", addForwarded: true, addVia: true }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const raw = await openRaw(t, gate.port);
    raw.write(`GET /x HTTP/1.1\r\n${host}${auth}Via: 1.1 edge\r\n\r\n`);
    await raw.until(/ok$/);
    const [request = ""] = application.requests;
    assert.match(request, /\r\nForwarded: for=127\.0\.0\.1;host="a";proto=http\r\n/);
    assert.match(request, /\r\nVia: 1\.1 edge\r\n[\s\S]*\r\nVia: 1\.1 revgate\r\n/);
    assert.match(raw.received(), /\r\nVia: 1\.1 cache\r\n[\s\S]*\r\nVia: 1\.0 revgate\r\n/);
  });
});

describe("a WebSocket handshake", () => {
  const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  const sent = ["X-b: 1", "x-A: \xe9", "X-b: 2", "ToKeN: T", "connection: keep-alive, upgrade"];
  const more = ["X-B: 3", "UPGRADE: WebSocket", key, "Sec-WebSocket-Version: 13"];

  it("arrives line by line as it was sent, and so does its answer", async (t) => {
    const answered = ["upgrade: WebSocket", "Set-Cookie: a=1", "x-A: \xe9", "set-cookie: b=2"];
    const last = [accept, "CONNECTION: Upgrade", "Set-Cookie: c=3"];
    const answer = ["HTTP/1.1 101 Switching \xe9 Now", ...answered, ...last];
    const application = await startBytes(t, `${answer.join("\r\n")}\r\n\r\n\x81\x02hi`);
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    const lines = ["GET /chat?a=%20 HTTP/1.1", "Host: a", ...sent, ...more];
    raw.write(`${lines.join("\r\n").replace(": T", `: ${token}`)}\r\n\r\n`);
    await raw.until(/hi$/);
    assert.deepEqual(linesOf(raw.received()), answer);
    const received = linesOf(application.requests[0] ?? "");
    const expected = lines.map((line) =>
      line.replace("keep-alive, ", "").replace(": T", `: ${token}`),
    );
    assert.deepEqual(received.slice(0, expected.length), expected);
    const added = received.slice(expected.length).map((line) => line.slice(0, line.indexOf(":")));
    const own = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id"];
    assert.deepEqual(added, own);
  });

  const handshake = `GET /chat HTTP/1.1\r\n${host}${auth}Connection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`;
  const refusedWith = async (t: TestContext, answer: string) => {
    const application = await startBytes(t, answer);
    const gate = await startGate(t, { upstream: application.url });
    const raw = await openRaw(t, gate.port);
    raw.write(handshake);
    return raw.untilClosed();
  };

  it("that is refused is answered line by line, with what went before", async (t) => {
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nlink: </b>\r\n\r\n";
    const lines = ["x-b: 1", "X-A: 2", "x-b: 3", "Sec-WebSocket-Version: 13", "Upgrade: websocket"];
    const refusal = [
      "HTTP/1.1 426 Nope \xe9",
      ...lines,
      "Connection: Upgrade",
      "Content-Length: 2",
    ];
    const text = await refusedWith(t, `${hints}${refusal.join("\r\n")}\r\n\r\nno`);
    assert.ok(text.startsWith(hints), text);
    const expected = [refusal[0], ...lines, "Content-Length: 2", "Connection: close, Upgrade"];
    assert.deepEqual(linesOf(text.slice(hints.length)), expected);
    assert.ok(text.endsWith("\r\n\r\nno"));
  });

  it("is answered 502 where the application switches to nothing", async (t) => {
    const text = await refusedWith(t, "HTTP/1.1 101 Switching Protocols\r\n\r\nstray");
    assert.deepEqual(statusesIn(text), [502]);
    assert.doesNotMatch(text, /stray/);
  });
});
