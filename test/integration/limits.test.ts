import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { describeSettings } from "../../src/config/json-schema.ts";
import { listenOnLoopback } from "../helpers/application.ts";
import { prepareHeldSyncs } from "../helpers/broken-disk.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate, untilReady, untilStartIsNoted } from "../helpers/gate.ts";
import { keepSending, openRaw, type RawConnection } from "../helpers/http.ts";
import {
  block,
  get as fieldsOf,
  flags,
  frame,
  openFrames,
  preface,
  setting,
  types,
} from "../helpers/http2-frames.ts";
import { repository } from "../helpers/program.ts";

import { startRelay } from "../helpers/relay.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { clientFrame } from "../helpers/web-socket-frames.ts";

const rows = readFileSync(join(repository, "docs/limits.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| what waits"))
  .map((line) => {
    const cells = line.split("|").slice(1, -1);
    const [what = "", bound = "", byDefault = "", , told = ""] = cells.map((cell) => cell.trim());
    return { what, bound, byDefault, told };
  });

/** A gate before an application that speaks bytes: `talk` is called with what each connection brings. */
async function place(
  t: TestContext,
  yaml: string,
  talk: (socket: Socket, text: string) => void = (socket) => void socket.write(ok),
) {
  const application = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => talk(socket, data.toString("latin1")));
  });
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, application)}`;
  const secure = upstream.replace("http:", "https:");
  return startGate(t, {
    upstream,
    yaml: yaml.replace("$URL", upstream).replace("$TLS", secure),
  });
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const beginning = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n";
const flood = `HTTP/1.1 200 OK\r\nContent-Length: ${64 << 20}\r\n\r\n${"x".repeat(24 << 20)}`;
const get = (path = "/me", token = makeToken()) =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\n\r\n`;
const logout = () =>
  `POST /logout HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\nContent-Length: 0\r\n\r\n`;
const post = (path: string, body = "") =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n${body}`;
const handshake = (path = "/chat") =>
  `${get(path).slice(0, -2)}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
const tokens = (keys: string) => `tokens: { keys: [ ${keys} ], jwks: { timeout: 100ms } }`;

const switching =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/** With what a WebSocket is closed. */
async function closeCode(t: TestContext, port: number, bytes: string, onOpen = () => {}) {
  const raw = await openRaw(t, port);
  raw.write(bytes);
  await raw.until(/\r\n\r\n/);
  onOpen();
  const frame = Buffer.from((await raw.untilClosed()).split("\r\n\r\n")[1] ?? "", "latin1");
  return `close code ${frame.readUInt16BE(2)}`;
}

/** What a client is told that sends this and waits. */
async function told(t: TestContext, port: number, bytes: string): Promise<string> {
  const raw = await openRaw(t, port);
  raw.write(bytes);
  return toldOn(raw);
}

/** An answer of revgate's, or how the connection ended. */
async function toldOn(raw: RawConnection): Promise<string> {
  const refusal = /^HTTP\/1\.1 (\d+) [\s\S]*"error":"(\w+)"/;
  const text = await raw
    .until(refusal)
    .then(() => raw.received())
    .catch(() => raw.received());
  const [, status, error] = refusal.exec(text) ?? [];
  if (status !== undefined) return `${status} ${error}`;
  return text.startsWith("HTTP/1.1 200") || text.startsWith("HTTP/1.1 101")
    ? "broken off"
    : "closed";
}

/** A client that has the head of its response, and takes no more until it has been given up. */
async function toldStandingStill(
  t: TestContext,
  gate: Awaited<ReturnType<typeof place>>,
  bytes: string,
): Promise<string> {
  const raw = await openRaw(t, gate.port);
  raw.write(bytes);
  await raw.until(/\r\n\r\n/);
  raw.socket.pause();
  const given = /revgate_stalled_clients_total\{stopped="reading"\} 1/;
  await until(async () => given.test(await (await fetch(`${gate.adminUrl}/metrics`)).text()));
  raw.socket.resume();
  return toldOn(raw);
}

const oneConnection = 'upstream: { url: "$URL", maxConnections: 1 }';

/** Sends a request that waits for the only connection, as the metrics show. */
async function untilOneWaits(t: TestContext, gate: Awaited<ReturnType<typeof place>>) {
  const metrics = async () => (await fetch(`${gate.adminUrl}/metrics`)).text();
  await until(async () => /^revgate_upstream_connections 1$/m.test(await metrics()));
  const next = await openRaw(t, gate.port);
  next.write(get());
  return next;
}

/** How to come to each wait with a short bound; resolves with what the client is told. */
const waits: Record<string, (t: TestContext) => Promise<string>> = {
  async "a client that has connected, for its TLS handshake"(t) {
    const directory = temporaryDirectory(t);
    makeCertificate(directory);
    const yaml = `listen: { host: 127.0.0.1, port: 0, tls: { certFile: cert.pem, keyFile: key.pem } }
limits: { headersTimeout: 200ms }`;
    const gate = await startGate(t, { upstream: "http://127.0.0.1:1", yaml, directory });
    return told(t, gate.port, "");
  },
  async "a client that has connected, with the first byte of a request"(t) {
    const gate = await place(t, "limits: { headersTimeout: 200ms }");
    return told(t, gate.port, "");
  },
  async "a client, in the middle of a request's head"(t) {
    const gate = await place(t, "limits: { headersTimeout: 200ms }");
    return told(t, gate.port, "GET /me HTT");
  },
  async "a client, in the middle of a body that is forwarded"(t) {
    const gate = await place(t, "limits: { receiveTimeout: 1s }", () => {});
    return told(t, gate.port, post("/me", "x"));
  },
  async "the same, while others wait for its connection to the application"(t) {
    const gate = await place(t, oneConnection, () => {});
    const held = await openRaw(t, gate.port);
    held.write(post("/me", "x"));
    await untilOneWaits(t, gate);
    return toldOn(held);
  },
  async "a client, in the middle of a body that is looked into"(t) {
    const yaml = `limits: { receiveTimeout: 1s, bodyBytes: 1048576 }
routes: [ { path: /read, from: [ { requestJson: /token } ] } ]`;
    const gate = await place(t, yaml);
    return told(t, gate.port, post("/read", "{").replace("9000000", "9000"));
  },
  async "a client that never stops sending one request"(t) {
    const yaml = "limits: { headersTimeout: 300ms, requestTimeout: 300ms }";
    const gate = await place(t, yaml, () => {});
    const raw = await openRaw(t, gate.port);
    raw.write(post("/me"));
    keepSending(t, raw);
    return toldOn(raw);
  },
  async "a client, between two requests"(t) {
    const gate = await place(t, "limits: { idleTimeout: 100ms }");
    const raw = await openRaw(t, gate.port);
    raw.write(get());
    await raw.until(/\r\n\r\nok$/);
    assert.match(await raw.untilClosed(), /\r\n\r\nok$/);
    return "closed";
  },
  async "a client that takes nothing of its answer"(t) {
    const yaml = "limits: { sendTimeout: 1s }";
    const gate = await place(t, yaml, (socket) => void socket.write(flood));
    return toldStandingStill(t, gate, get());
  },
  async "a client that takes nothing of its answer, while others wait for its connection to the application"(
    t,
  ) {
    const gate = await place(t, oneConnection, (socket) => void socket.write(flood));
    const held = await openRaw(t, gate.port);
    held.write(get());
    await held.until(/\r\n\r\n/);
    held.socket.pause();
    const next = await untilOneWaits(t, gate);
    await next.until(/\r\n\r\n/);
    held.socket.resume();
    return toldOn(held);
  },
  async "a client of HTTP/2 that opens no window for a short answer"(t) {
    const gate = await place(
      t,
      "limits: { sendTimeout: 20s }",
      (socket) => void socket.write(flood),
    );
    const noWindow = Buffer.concat([preface, frame(types.settings, 0, 0, setting(4, 0))]);
    const client = await openFrames(t, gate.port, noWindow);
    const flag = flags.endHeaders | flags.endStream;
    const long = fieldsOf("/me", [["token", makeToken()]]);
    client.write(frame(types.headers, flag, 1, block(long)));
    await client.until(({ type, stream }) => type === types.headers && stream === 1);
    client.write(frame(types.headers, flag, 3, block(fieldsOf("/me"))));
    const reset = await client.until(({ type }) => type === types.reset);
    // The one that is not short waits on.
    return reset.stream === 3 ? "broken off" : "the long one was broken off";
  },
  async "a WebSocket's client that takes nothing"(t) {
    const gate = await place(t, "limits: { sendTimeout: 1s }", (socket) => {
      socket.write(`${switching}${flood}`);
    });
    return toldStandingStill(t, gate, handshake());
  },
  async "a request, for the key of its token"(t) {
    const silent = createServer((socket) => socket.on("error", () => {}));
    const url = `http://127.0.0.1:${await listenOnLoopback(t, silent)}/`;
    return told(t, (await place(t, tokens(`{ jwksUrl: "${url}" }`))).port, get());
  },
  async "a request, for what the issuer says of its token"(t) {
    const silent = createServer((socket) => socket.on("error", () => {}));
    const url = `http://127.0.0.1:${await listenOnLoopback(t, silent)}/`;
    const asked = `{ url: "${url}", clientId: a, clientSecretFile: public.pem, timeout: 100ms }`;
    const yaml = `tokens: { keys: [ { publicKeyFile: public.pem } ], introspection: ${asked} }`;
    return told(t, (await place(t, yaml)).port, get("/me", "opaque"));
  },
  async "a request, for its client's turn among those whose tokens the issuer is asked about"(t) {
    let asked = 0;
    const silent = createServer((socket) => {
      asked += 1;
      socket.on("error", () => {});
    });
    const url = `http://127.0.0.1:${await listenOnLoopback(t, silent)}/`;
    const introspection = `{ url: "${url}", clientId: a, clientSecretFile: public.pem, timeout: 1s }`;
    const yaml = `tokens: { keys: [ { publicKeyFile: public.pem } ], introspection: ${introspection} }`;
    const { port } = await place(t, yaml);
    for (;;) {
      const before = asked;
      let isOver = false;
      // As many as are asked about at a time.
      const some = Array.from({ length: 64 }, (_, i) => told(t, port, get("/me", `opaque${i}`)));
      const others = Promise.all(some).then(() => {
        isOver = true;
      });
      await until(() => isOver || asked - before >= 64);
      // On a busy machine the first may be given up before the last has come.
      if (isOver) continue;
      const last = await told(t, port, get("/me", "last"));
      await others;
      return last;
    }
  },
  async "an answer that hands tokens out (`session`, `only`, `sparing`), for the key of one"(t) {
    const silent = createServer((socket) => socket.on("error", () => {}));
    const url = `http://127.0.0.1:${await listenOnLoopback(t, silent)}/`;
    const login =
      "{ path: /login, access: public, handsOut: [ { responseJson: /access } ], session: begins }";
    const access = makeToken({}, { header: { kid: "unknown" } });
    const body = JSON.stringify({ access });
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const yaml = `${tokens(`{ publicKeyFile: public.pem }, { jwksUrl: "${url}" }`)}\nroutes: [ ${login} ]`;
    const gate = await place(t, yaml, (socket) => void socket.write(head + body));
    const raw = await openRaw(t, gate.port);
    raw.write(get("/login"));
    await raw.until(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n\{.*\}$/);
    const metrics = await (await fetch(`${gate.adminUrl}/metrics`)).text();
    // By its text, in the form of before, too.
    const isLinked = /^revgate_denylist_entries [1-9]/m.test(metrics);
    return isLinked ? "the token counts as opaque" : "the token is not linked";
  },
  async "a request, for what Redis says of its token"(t) {
    const redis = await startUsedRedis(t);
    const relay = await startRelay(t, redis.port);
    const url = `redis://127.0.0.1:${relay.port}`;
    const gate = await place(
      t,
      `denylist: { dataDir: data, redis: { url: "${url}", reads: every-request, commandTimeout: 1s } }`,
    );
    await untilReady(gate);
    relay.stall();
    return told(t, gate.port, get());
  },
  async "a request, for a Redis that can't be connected to"(t) {
    const silent = createServer((socket) => socket.on("error", () => {}));
    const url = `redis://127.0.0.1:${await listenOnLoopback(t, silent)}`;
    const settings = `url: "${url}", connectTimeout: 100ms, commandTimeout: 100ms`;
    const gate = await place(t, `denylist: { dataDir: data, redis: { ${settings} } }`);
    return told(t, gate.port, get());
  },
  async "a request, for a connection to the application"(t) {
    const yaml = `upstream: { url: "$URL", maxConnections: 1, queueTimeout: 1s }`;
    const gate = await place(t, yaml, (socket) => void socket.write(beginning));
    const first = await openRaw(t, gate.port);
    first.write(get());
    await first.until(/begin/);
    return told(t, gate.port, get());
  },
  async "a request, for an application that can't be connected to"(t) {
    // It takes the connection, and says nothing of TLS.
    const yaml = `upstream: { url: "$TLS", connectTimeout: 100ms }`;
    return told(t, (await place(t, yaml, () => {})).port, get());
  },
  async "a request, for the head of the response"(t) {
    const gate = await place(t, `upstream: { url: "$URL", responseTimeout: 100ms }`, () => {});
    return told(t, gate.port, get());
  },
  async "a request, for an application that takes nothing of its body"(t) {
    const yaml = `upstream: { url: "$URL", responseTimeout: 200ms }`;
    const gate = await place(t, yaml, (socket) => void socket.pause());
    const raw = await openRaw(t, gate.port);
    raw.write(post("/me", "x".repeat(8_999_999)));
    return toldOn(raw);
  },
  async "a WebSocket, for the application's answer to its handshake"(t) {
    const gate = await place(t, `upstream: { url: "$URL", responseTimeout: 100ms }`, () => {});
    return told(t, gate.port, handshake());
  },
  async "a WebSocket, for the token in its first message"(t) {
    const yaml =
      "routes: [ { path: /chat, firstMessage: { protocol: json, token: /token, timeout: 100ms } } ]";
    const gate = await place(t, yaml, (socket) => void socket.write(switching));
    return closeCode(t, gate.port, handshake("/chat").replace(/token: .*\r\n/, ""));
  },
  async "a WebSocket's client, in the middle of a message that may log in (`firstMessage`)"(t) {
    const yaml = `limits: { receiveTimeout: 1s }
routes: [ { path: /chat, firstMessage: { protocol: json, token: /token } } ]`;
    const gate = await place(t, yaml, (socket) => void socket.write(switching));
    const half = clientFrame("{", { fin: false }).toString("latin1");
    return closeCode(t, gate.port, handshake("/chat") + half);
  },
  async "a client, for the next part of the response"(t) {
    const yaml = `upstream: { url: "$URL", idleTimeout: 100ms }`;
    const gate = await place(t, yaml, (socket) => void socket.write(beginning));
    return told(t, gate.port, get());
  },
  async "a client, for the next part of a response on a route with `stream: true`"(t) {
    const yaml = `upstream: { url: "$URL", idleTimeout: 100ms }
routes: [ { path: /events, stream: true } ]`;
    let goOn = () => {};
    const gate = await place(t, yaml, (socket, text) => {
      socket.write(beginning);
      if (text.includes("/events")) goOn = () => socket.write("3\r\nend\r\n0\r\n\r\n");
    });
    const streaming = await openRaw(t, gate.port);
    streaming.write(get("/events"));
    await streaming.until(/begin/);
    assert.equal(await told(t, gate.port, get()), "broken off");
    goOn();
    await streaming.until(/end\r\n0\r\n\r\n$/);
    return "nothing";
  },
  async "a client, on an idle connection when revgate stops"(t) {
    const gate = await place(t, "");
    gate.config().settings.limits.drainTimeout = 60_000;
    const raw = await openRaw(t, gate.port);
    raw.write(get());
    await raw.until(/\r\n\r\nok$/);
    void gate.stop();
    assert.match(await raw.untilClosed(), /\r\n\r\nok$/);
    return "closed";
  },
  async "a WebSocket, when revgate stops, for its client to close"(t) {
    const gate = await place(t, "", (socket) => void socket.write(switching));
    gate.config().settings.limits.drainTimeout = 60_000;
    return closeCode(t, gate.port, handshake(), () => void gate.stop());
  },
  async "a request in progress when revgate stops"(t) {
    const gate = await place(t, "", (socket) => void socket.write(beginning));
    const raw = await openRaw(t, gate.port);
    raw.write(get());
    await raw.until(/begin/);
    void gate.stop();
    return toldOn(raw);
  },
};

/** The same with a disk that hangs, which all of a process share: one after the other. */
const diskWaits: Record<string, (t: TestContext) => Promise<string>> = {
  async "a logout, for its note on disk"(t) {
    const syncs = await prepareHeldSyncs(t);
    const sent: string[] = [];
    const gate = await place(t, `denylist: { dataDir: data, holdTimeout: 100ms }`, (_, text) => {
      sent.push(text);
    });
    await untilStartIsNoted(gate);
    syncs.hold();
    const answer = await told(t, gate.port, logout());
    assert.deepEqual(sent, []);
    return answer;
  },
  async "a logout that was answered 2xx, for disk and Redis"(t) {
    const syncs = await prepareHeldSyncs(t);
    // Long enough for the first note, which is let through.
    const gate = await place(t, `denylist: { dataDir: data, holdTimeout: 4s }`);
    await untilStartIsNoted(gate);
    syncs.hold();
    const token = makeToken();
    const answer = told(t, gate.port, logout().replace(/token: .*/, `token: ${token}`));
    await syncs.releaseNext();
    assert.equal(await answer, "503 revocation_pending");
    // In force here all the same.
    assert.equal(await told(t, gate.port, get("/me", token)), "401 token_revoked");
    return answer;
  },
  async "a login that ends its user's oldest sessions (`only: { latest: 3 }`), for disk and Redis"(
    t,
  ) {
    const syncs = await prepareHeldSyncs(t);
    const token = makeToken();
    const rule =
      "{ path: /login, access: public, handsOut: [ { responseHeader: x-token } ], session: begins, only: { latest: 3 } }";
    const gate = await place(
      t,
      `routes: [ ${rule} ]\ndenylist: { dataDir: data, holdTimeout: 100ms }`,
      (socket) => void socket.write(ok.replace("\r\n\r\n", `\r\nX-Token: ${token}\r\n\r\n`)),
    );
    await untilStartIsNoted(gate);
    syncs.hold();
    const answer = await told(t, gate.port, get("/login"));
    // Nobody was told its token.
    assert.equal(await told(t, gate.port, get("/me", token)), "401 token_revoked");
    return answer;
  },
};

describe("docs/limits.md", () => {
  it("has a line for each wait, and no other", () => {
    const all = [...Object.keys(waits), ...Object.keys(diskWaits)];
    assert.deepEqual(rows.map(({ what }) => what).sort(), all.sort());
  });

  it("has every setting that bounds a wait, with its default", () => {
    const bounds = describeSettings().filter(
      ({ path, schema }) =>
        String(schema.description).startsWith("a duration") && /timeout$/i.test(path),
    );
    assert.ok(bounds.length >= 14, String(bounds.length));
    const named = new Map(rows.map(({ bound, byDefault }) => [bound, byDefault]));
    for (const { path, schema } of bounds) {
      assert.equal(named.get(`\`${path}\``), schema.default, path);
    }
    for (const bound of named.keys()) {
      const path = bound.replaceAll("`", "");
      if (bound.startsWith("`"))
        assert.ok(
          bounds.some((one) => one.path === path),
          path,
        );
    }
  });
});

describe("a wait of docs/limits.md", { concurrency: true, timeout: 120_000 }, () => {
  for (const { what, told: expected } of rows) {
    const wait = waits[what];
    if (wait === undefined) continue;
    it(`ends as it says: ${what}: ${expected}`, async (t) => assert.equal(await wait(t), expected));
  }
});

describe("a wait of docs/limits.md for the disk", () => {
  for (const { what, told: expected } of rows) {
    const wait = diskWaits[what];
    if (wait === undefined) continue;
    it(`ends as it says: ${what}: ${expected}`, async (t) => assert.equal(await wait(t), expected));
  }
});
