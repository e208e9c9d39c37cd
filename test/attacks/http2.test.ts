/**
 * What hostile clients of HTTP/2 try, with frames of their own: CVE-2023-44487 (rapid reset) and its sequel
 * CVE-2025-8671, CVE-2024-27316 (CONTINUATION flood), the floods of 2019 (CVE-2019-9511 to 9518), HPACK bombs, closed
 * windows, and smuggling into the HTTP/1.1 that is spoken to the application.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startApplication, type TestApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { connectHttp2, sendHttp2 } from "../helpers/http2.ts";
import {
  block,
  type Fields,
  flags,
  frame,
  get,
  integer,
  openFrames,
  preface,
  setting,
  types,
  uint32,
} from "../helpers/http2-frames.ts";
import { type Ending, endWithAll } from "../helpers/shared.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const [protocolError, internalError, refusedStream, cancel] = [1, 2, 7, 8];
const enhanceYourCalm = 11;
const token = makeToken();
const asAlice = (path: string, more: Fields = []) => get(path, [["token", token], ...more]);
const headers = (stream: number, fields: Fields, flag = flags.endStream | flags.endHeaders) =>
  frame(types.headers, flag, stream, block(fields));
const many = (count: number, make: (i: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

interface Place {
  readonly application: TestApplication;
  readonly gate: TestGate;
  /** Answers that wait for the test. */
  readonly late: readonly ServerResponse[];
}

/** One gate and one application for all that are of one kind; they are started for the first of them. */
function sharedPlace(yaml: string): () => Promise<Place> {
  const ending = endWithAll();
  let place: Promise<Place> | undefined;
  return () => {
    place ??= start(ending, yaml);
    return place;
  };
}

async function start(ending: Ending, yaml: string): Promise<Place> {
  const late: ServerResponse[] = [];
  const application = await startApplication(ending, (request, response) => {
    if (request.url === "/late") request.resume().on("end", () => late.push(response));
    else if (request.url === "/large") response.end(Buffer.alloc(1 << 20));
    else if (request.url === "/deaf") request.pause();
    else request.on("data", () => {}).on("end", () => response.end("ok"));
  });
  const gate = await startGate(ending, { upstream: application.url, yaml, leavesNothing: true });
  return { application, gate, late };
}

async function faults({ adminUrl }: TestGate, reason: string): Promise<number> {
  const { text } = await send(`${adminUrl}/metrics`);
  const [, count] =
    new RegExp(`http2_faults_total\\{reason="${reason}"\\} (\\d+)`).exec(text) ?? [];
  return Number(count);
}

/** Another client, who is served whatever else goes on. */
async function isServed({ url }: TestGate): Promise<void> {
  assert.equal((await send(`${url}/me`, { headers: { token } })).status, 200);
}

describe("a client of HTTP/2 that sends too much", () => {
  const place = sharedPlace("log: { requests: none }");

  const floods: Record<
    string,
    { readonly sent: Buffer; readonly reason: "any" | "protocol" | "resets" }
  > = {
    "requests that are broken off at once": {
      reason: "resets",
      sent: many(300, (i) =>
        Buffer.concat([
          headers(2 * i + 1, asAlice("/me")),
          frame(types.reset, 0, 2 * i + 1, uint32(cancel)),
        ]),
      ),
    },
    "requests that revgate has to break off": {
      reason: "any",
      sent: many(300, (i) =>
        Buffer.concat([
          headers(2 * i + 1, asAlice("/me")),
          frame(types.window, 0, 2 * i + 1, uint32(0)),
        ]),
      ),
    },
    "heads that never end": {
      reason: "protocol",
      sent: Buffer.concat([
        headers(1, asAlice("/me"), flags.endStream),
        many(2000, () => frame(types.continuation, 0, 1, block([["x", "y".repeat(100)]]))),
      ]),
    },
    "empty heads that never end": {
      reason: "protocol",
      sent: Buffer.concat([
        headers(1, asAlice("/me"), flags.endStream),
        many(20_000, () => frame(types.continuation, 0, 1)),
      ]),
    },
    SETTINGS: { reason: "any", sent: many(20_000, () => frame(types.settings, 0, 0)) },
    PING: { reason: "any", sent: many(20_000, () => frame(types.ping, 0, 0, Buffer.alloc(8))) },
    PRIORITY: {
      reason: "any",
      sent: many(20_000, () => frame(types.priority, 0, 1, Buffer.alloc(5))),
    },
    WINDOW_UPDATE: {
      reason: "any",
      sent: many(20_000, () => frame(types.window, 0, 0, uint32(1))),
    },
    "frames of a kind that there is not": {
      reason: "any",
      sent: many(20_000, () => frame(99, 0, 0, Buffer.alloc(8))),
    },
    "empty DATA": {
      reason: "any",
      sent: Buffer.concat([
        headers(1, asAlice("/deaf", [[":method", "POST"]]).slice(1), flags.endHeaders),
        many(20_000, () => frame(types.data, 0, 1)),
      ]),
    },
  };
  for (const [what, { sent, reason }] of Object.entries(floods)) {
    it(`loses its connection: ${what}`, async (t) => {
      const { gate } = await place();
      const all = async () =>
        (await Promise.all(["flood", "protocol", "resets"].map((one) => faults(gate, one)))).reduce(
          (sum, one) => sum + one,
        );
      const before = { all: await all(), reason: await faults(gate, reason) };
      const connection = await openFrames(t, gate.port);
      connection.write(sent);
      await isServed(gate);
      await connection.untilClosed();
      // nghttp2 has limits of its own, and may be the first.
      await until(async () => (await all()) > before.all);
      if (reason !== "any") assert.equal(await faults(gate, reason), before.reason + 1);
      if (reason === "resets") assert.equal(connection.goaway, enhanceYourCalm);
      await isServed(gate);
    });
  }

  it("has no more requests in progress than it may", async (t) => {
    const { gate, application } = await place();
    const before = application.seen.length;
    const connection = await openFrames(t, gate.port);
    connection.write(many(101, (i) => headers(2 * i + 1, [...asAlice("/deaf")], flags.endHeaders)));
    const reset = await connection.until(({ type }) => type === types.reset);
    assert.deepEqual([reset.stream, reset.payload.readUInt32BE()], [201, refusedStream]);
    await until(() => application.seen.length === before + 100);
    await isServed(gate);
  });

  it("makes nothing grow by a table of long fields that it names again and again", async (t) => {
    const { gate, application } = await place();
    const before = application.seen.length;
    const long = Buffer.from("y".repeat(4000));
    // A literal field that is indexed, and then its index.
    const field = [Buffer.of(0x40, 1), Buffer.from("x"), integer(long.length, 7, 0), long];
    for (const times of [10, 15_000]) {
      const bomb = [block(asAlice("/me")), ...field, Buffer.alloc(times, 0x80 | 62)];
      const connection = await openFrames(t, gate.port);
      const flag = flags.endStream | flags.endHeaders;
      connection.write(frame(types.headers, flag, 1, Buffer.concat(bomb).subarray(0, 16_384)));
      const answer = await connection.until(
        ({ type, stream }) => stream === 1 && (type === types.headers || type === types.reset),
      );
      if (answer.type === types.reset) assert.equal(answer.payload.readUInt32BE(), enhanceYourCalm);
      else assert.equal(times, 10);
    }
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /requests_total\{outcome="request_too_large"\} 1/);
    assert.equal(application.seen.length, before);
  });

  it("makes a body that waits take its bytes, in however small frames it comes", async (t) => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const used = () => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const application = await startApplication(t, () => {});
    // One request has the only connection to the application, and the others wait for it.
    const upstream = `upstream: { url: "${application.url}", maxConnections: 1, queueTimeout: 5m }`;
    const gate = await startGate(t, { upstream: "", yaml: `${upstream}\nlog: { requests: none }` });
    const connection = await openFrames(t, gate.port);
    const posted: Fields = [[":method", "POST"], ...asAlice("/me").slice(1)];
    const [streams, bytes] = [4, 60_000];
    const ids = Array.from({ length: streams }, (_, i) => 2 * i + 3);
    connection.write(
      headers(1, asAlice("/me")),
      ...ids.map((id) => headers(id, posted, flags.endHeaders)),
    );
    await until(() => application.seen.length === 1);
    const before = used();
    for (const id of ids)
      connection.write(many(bytes, () => frame(types.data, 0, id, Buffer.of(1))));
    connection.write(frame(types.ping, 0, 0, Buffer.alloc(8)));
    await connection.until(({ type, flags: flag }) => type === types.ping && flag === flags.ack);
    const grown = used() - before;
    assert.ok(grown < 6 << 20, `${grown} bytes more for ${streams * bytes} of bodies`);
  });
});

describe("a client of HTTP/2 that stands still", { concurrency: true }, () => {
  const times = "headersTimeout: 1s, idleTimeout: 1s, receiveTimeout: 1s, sendTimeout: 1s";
  const place = sharedPlace(`limits: { ${times} }\nlog: { requests: none }`);

  it("is given up if it opens no window for its answer", async (t) => {
    const { gate } = await place();
    const connection = await openFrames(
      t,
      gate.port,
      Buffer.concat([preface, frame(types.settings, 0, 0, setting(4, 0))]),
    );
    connection.write(headers(1, asAlice("/large")));
    const reset = await connection.until(({ type }) => type === types.reset);
    assert.deepEqual([reset.stream, reset.payload.readUInt32BE()], [1, internalError]);
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /requests_total\{outcome="client_stalled"\} [1-9]/);
    await isServed(gate);
  });

  it("is answered if it does not send the rest of its body", async (t) => {
    const { gate } = await place();
    const connection = await openFrames(t, gate.port);
    connection.write(
      headers(1, [[":method", "POST"], ...asAlice("/me").slice(1)], flags.endHeaders),
    );
    await connection.until(({ type, stream }) => type === types.headers && stream === 1);
    await until(async () =>
      /requests_total\{outcome="request_timeout"\} [1-9]/.test(
        (await send(`${gate.adminUrl}/metrics`)).text,
      ),
    );
  });

  it("is not taken for one if its whole request came with the preface, however late the answer is", async (t) => {
    const { gate, late } = await place();
    const posted = (path: string, flag: number) =>
      headers(1, [[":method", "POST"], ...asAlice(path).slice(1)], flag);
    const greeting = [preface, frame(types.settings, 0, 0), posted("/late", flags.endHeaders)];
    const body = frame(types.data, flags.endStream, 1, Buffer.from("whole"));
    const connection = await openFrames(t, gate.port, Buffer.concat([...greeting, body]));
    await until(() => late.length === 1);
    // Another one stands still, and is given up; it began later.
    const still = await openFrames(t, gate.port);
    still.write(posted("/me", flags.endHeaders));
    await still.until(({ type, stream }) => type === types.headers && stream === 1);
    late[0]?.end("ok");
    const data = await connection.until(({ type, stream }) => type === types.data && stream === 1);
    assert.equal(String(data.payload), "ok");
  });

  const silent: Record<string, Buffer> = {
    "in its preface": preface.subarray(0, 10),
    "behind its preface": preface,
    "behind its SETTINGS": Buffer.concat([preface, frame(types.settings, 0, 0)]),
    "in a head": Buffer.concat([
      preface,
      frame(types.settings, 0, 0),
      headers(1, asAlice("/me"), flags.endStream),
    ]),
  };
  for (const [where, sent] of Object.entries(silent)) {
    it(`is disconnected: ${where}`, async (t) => {
      const { gate } = await place();
      const connection = await openFrames(t, gate.port, sent);
      await connection.untilClosed();
    });
  }

  it("is noticed to have left behind a frame that stops its connection, requests or not", async (t) => {
    const application = await startApplication(t, () => {});
    // No time-out notices it.
    const hours = "idleTimeout: 1h, receiveTimeout: 1h, sendTimeout: 1h, requestTimeout: 2h";
    const gate = await startGate(t, {
      upstream: application.url,
      yaml: `limits: { ${hours} }\nlog: { requests: none }`,
    });
    const openOnes = async () =>
      Number(
        /^revgate_http2_connections (\d+)/m.exec(
          (await send(`${gate.adminUrl}/metrics`)).text,
        )?.[1],
      );
    const before = await openFrames(t, gate.port);
    before.write(headers(1, asAlice("/deaf")));
    const requests: Record<string, Buffer> = {
      "no request": Buffer.alloc(0),
      "one that the application has": headers(1, asAlice("/deaf")),
      "one that was refused": headers(1, get("/me")),
      "one that was refused, with more to come": headers(
        1,
        [[":method", "HEAD"], ...get("/me").slice(1)],
        flags.endHeaders,
      ),
    };
    for (const sent of Object.values(requests)) {
      const client = await openFrames(t, gate.port);
      await client.until(({ type, flags: flag }) => type === types.settings && flag === flags.ack);
      client.write(sent, frame(types.data, 0, 27, Buffer.of(1)));
      await client.until(({ type }) => type === types.goaway);
      client.socket.destroy();
    }
    await until(async () => (await openOnes()) === 1);
    assert.equal(before.closed, false);
    assert.equal(await faults(gate, "protocol"), 4);
    before.write(frame(types.ping, 0, 0, Buffer.alloc(8)));
    await before.until(({ type, flags: flag }) => type === types.ping && flag === flags.ack);
  });

  it("has its request ended with the answer to it, whatever its method", async (t) => {
    const { gate } = await place();
    for (const method of ["HEAD", "POST", "OPTIONS", "GET"]) {
      const client = await openFrames(t, gate.port);
      client.write(headers(1, [[":method", method], ...get("/me").slice(1)], flags.endHeaders));
      const reset = await client.until(({ type }) => type === types.reset);
      assert.deepEqual([reset.stream, reset.payload.readUInt32BE()], [1, 0], method);
    }
  });

  it("is disconnected, pings or not", async (t) => {
    const { gate } = await place();
    const connection = await openFrames(t, gate.port);
    const timer = setInterval(() => connection.write(frame(types.ping, 0, 0, Buffer.alloc(8))), 50);
    t.after(() => clearInterval(timer));
    await connection.untilClosed();
    assert.equal(connection.goaway, 0);
  });
});

describe("a client of HTTP/2 that holds places", { concurrency: true }, () => {
  const noWindow = Buffer.concat([preface, frame(types.settings, 0, 0, setting(4, 0))]);
  const stranger = "127.0.0.2";

  it("loses one to each newcomer, is named for it, and is cut in the end", async (t) => {
    const application = await startApplication(t);
    const yaml = "limits: { maxConnections: 4 }\nlog: { requests: none }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const held = await openFrames(t, gate.port, noWindow, stranger);
    const hold = (from: number, count: number) =>
      held.write(many(count, (i) => headers(2 * (from + i) + 1, get("/me"))));
    hold(0, 4);
    await until(() => held.received.filter(({ type }) => type === types.headers).length === 4);
    const session = await connectHttp2(t, gate.url);
    assert.equal((await sendHttp2(session, "/me", { headers: { token } })).status, 200);
    const reset = await held.until(({ type }) => type === types.reset);
    assert.equal(reset.stream, 1);
    assert.equal(await faults(gate, "crowded"), 1);
    assert.match(gate.logged(), /"peer":"127\.0\.0\.2","cause":"127\.0\.0\.2 had the most/);
    // What it holds on top counts as broken off.
    hold(4, 300);
    await held.untilClosed();
    assert.equal(await faults(gate, "resets"), 1);
  });

  it("is told apart from others behind a proxy that is trusted, and does not end its connection", async (t) => {
    const application = await startApplication(t);
    const yaml = `listen: { host: 127.0.0.1, port: 0, trustedProxies: [${stranger}] }
limits: { maxConnections: 4, streams: 1000 }\nlog: { requests: none }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const proxy = await openFrames(t, gate.port, noWindow, stranger);
    const from = (address: string): Fields => [["x-forwarded-for", address]];
    const hold = (first: number, count: number) =>
      proxy.write(many(count, (i) => headers(first + 2 * i, asAlice("/me", from("203.0.113.1")))));
    hold(1, 4);
    await until(() => proxy.received.filter(({ type }) => type === types.headers).length === 4);
    hold(9, 300);
    await until(async () => proxy.closed || (await faults(gate, "crowded")) >= 300);
    proxy.write(headers(609, asAlice("/me", from("203.0.113.2"))));
    await proxy.until(({ type, stream }) => type === types.headers && stream === 609);
    assert.match(gate.logged(), /"peer":"127\.0\.0\.2","cause":"[^"]*203\.0\.113\.1/);
    assert.equal(await faults(gate, "resets"), 0);
    assert.equal(proxy.closed, false);
  });

  it("does not lose a logout that is held", async (t) => {
    const waiting: (() => void)[] = [];
    const application = await startApplication(t, (_, response) => {
      waiting.push(() => response.end("bye"));
    });
    const yaml = "limits: { maxConnections: 3 }\nlog: { requests: none }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const client = await openFrames(t, gate.port, undefined, stranger);
    client.write(headers(1, [[":method", "POST"], ...asAlice("/logout").slice(1)]));
    await until(() => waiting.length === 1);
    const other = makeToken();
    const asBob = get("/me", [["token", other]]);
    client.write(headers(3, asBob), headers(5, asBob));
    await until(() => waiting.length === 3);
    const session = await connectHttp2(t, gate.url);
    const served = sendHttp2(session, "/me", { headers: { token: other } });
    const reset = await client.until(({ type }) => type === types.reset);
    assert.equal(reset.stream, 3);
    await until(() => waiting.length === 4);
    for (const answer of waiting) answer();
    assert.equal((await served).status, 200);
    await client.until(({ type, stream }) => type === types.headers && stream === 1);
  });

  it("loses logouts of which the body does not come, and their tokens with them", async (t) => {
    let arrived = 0;
    const application = await startApplication(t, (request, response) => {
      if (request.url === "/logout") arrived += 1;
      else response.end("ok");
    });
    const yaml = "limits: { maxConnections: 3 }\nlog: { requests: none }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const client = await openFrames(t, gate.port, undefined, stranger);
    const logout = [[":method", "POST"], ...asAlice("/logout").slice(1)] as const;
    client.write(
      many(3, (i) => headers(2 * i + 1, [...logout, ["content-length", "10"]], flags.endHeaders)),
    );
    await until(() => arrived === 3);
    const session = await connectHttp2(t, gate.url);
    const asOther = { headers: { token: makeToken() } };
    assert.equal((await sendHttp2(session, "/me", asOther)).status, 200);
    assert.equal((await client.until(({ type }) => type === types.reset)).stream, 1);
    // Its outcome is unknown, as if its client had left.
    const asClient = { headers: { token } };
    await until(async () => (await sendHttp2(session, "/me", asClient)).status === 401);
  });

  it("loses its oldest logout if it has nothing else, which is carried out anyway", async (t) => {
    const waiting: ServerResponse[] = [];
    const application = await startApplication(t, (request, response) => {
      if (request.url === "/logout") waiting.push(response);
      else response.end("ok");
    });
    const yaml = [
      "limits: { maxConnections: 2 }",
      "log: { requests: none }",
      "denylist: { dataDir: data, onUnknownOutcome: keep }",
    ].join("\n");
    const gate = await startGate(t, { upstream: application.url, yaml });
    const client = await openFrames(t, gate.port, undefined, stranger);
    for (const stream of [1, 3]) {
      client.write(headers(stream, [[":method", "POST"], ...asAlice("/logout").slice(1)]));
      await until(() => waiting.length === (stream + 1) / 2);
    }
    const session = await connectHttp2(t, gate.url);
    assert.equal(
      (await sendHttp2(session, "/me", { headers: { token: makeToken() } })).status,
      200,
    );
    assert.equal((await client.until(({ type }) => type === types.reset)).stream, 1);
    const asClient = { headers: { token } };
    assert.equal((await sendHttp2(session, "/me", asClient)).status, 200);
    waiting[0]?.end("bye");
    await until(async () => (await sendHttp2(session, "/me", asClient)).status === 401);
  });
});

describe("a client of HTTP/2 that would write HTTP/1.1", () => {
  const place = sharedPlace("log: { requests: none }");
  const smuggled = "HTTP/1.1\r\nHost: a\r\nevil: 1\r\n\r\nGET /evil HTTP/1.1\r\nHost: a";
  const [method, scheme, , authority] = get("/");
  assert.ok(method && scheme && authority);
  const path = [":path", "/vector"] as const;
  const own = ["token", token] as const;

  /** Refused as a whole, or the request that arrives has nothing of it. */
  const vectors: Record<string, Fields> = {
    "a line break in the path": [method, scheme, [":path", `/vector ${smuggled}`], authority, own],
    "a space in the path": [method, scheme, [":path", "/evil HTTP/1.1"], authority, own],
    "a line break in the method": [
      [":method", `GET /evil ${smuggled}`],
      scheme,
      path,
      authority,
      own,
    ],
    "a line break in the authority": [method, scheme, path, [":authority", "a\r\nevil: 1"], own],
    "a line break in the scheme": [method, [":scheme", "http\r\nevil: 1"], path, authority, own],
    "a scheme with a path": [method, [":scheme", "http://a/evil?"], path, authority, own],
    "a target in absolute form": [method, scheme, [":path", "http://evil/evil"], authority, own],
    "that with a scheme which allows it": [
      ...[method, [":scheme", "x"], [":path", "http://a/evil"], authority, own],
    ] as Fields,
    "no path": [method, scheme, [":path", ""], authority, own],
    "two paths": [method, scheme, path, [":path", "/evil"], authority, own],
    "a path behind other fields": [method, scheme, authority, own, path],
    "an unknown pseudo-header field": [method, scheme, path, authority, [":evil", "1"], own],
    "a Host that differs": [method, scheme, path, authority, ["host", "evil"], own],
    "two Hosts": [method, scheme, path, ["host", "a"], ["host", "evil"], own],
    "credentials in the authority": [method, scheme, path, [":authority", "evil@a"], own],
    "a name in upper case": [method, scheme, path, authority, ["Evil", "1"], own],
    "a transfer coding": [method, scheme, path, authority, ["transfer-encoding", "chunked"], own],
    "a connection option": [method, scheme, path, authority, ["connection", "token"], own],
    "an upgrade": [method, scheme, path, authority, ["upgrade", "websocket"], own],
    "a TE that is more than trailers": [method, scheme, path, authority, ["te", "gzip"], own],
    "an extended CONNECT": [
      ...[[":method", "CONNECT"], [":protocol", "websocket"], scheme, path, authority, own],
    ] as Fields,
    "a length without a body": [method, scheme, path, authority, ["content-length", "50"], own],
    "two lengths": [
      ...[method, scheme, path, authority, ["content-length", "0"], ["content-length", "0"], own],
    ] as Fields,
  };
  const dropped: Record<string, readonly [string, string]> = {
    "a line break in a value": ["x", "1\r\nevil: 1"],
    "NUL in a value": ["evil", "1\0"],
    "a line break in a name": ["x: 1\r\nevil", "1"],
    "a colon in a name": ["evil:x", "1"],
    "a space in a name": ["evil ", "1"],
    "an empty name": ["", "evil"],
    "settings of an upgrade (RFC 7540 section 3.2.1)": ["http2-settings", "evil"],
  };

  async function attempt(t: Ending, sent: readonly Buffer[]) {
    const { gate, application } = await place();
    const before = application.seen.length;
    const connection = await openFrames(t, gate.port);
    connection.write(...sent);
    const answer = await connection.until(
      ({ type, stream }) =>
        (stream === 1 && (type === types.headers || type === types.reset)) || type === types.goaway,
    );
    await isServed(gate);
    const seen = application.seen.slice(before, -1);
    for (const { url, rawHeaders } of seen) {
      assert.ok(!/evil/i.test(`${url} ${rawHeaders.join(" ")}`), `${url} ${rawHeaders}`);
    }
    return { answer, seen };
  }

  for (const [what, fields] of Object.entries(vectors)) {
    it(`is refused: ${what}`, async (t) => {
      const { answer, seen } = await attempt(t, [headers(1, fields)]);
      assert.deepEqual(
        seen.map(({ url }) => url),
        [],
      );
      if (answer.type !== types.headers) {
        const at = answer.type === types.reset ? 0 : 4;
        assert.equal(answer.payload.readUInt32BE(at), protocolError);
      }
    });
  }

  for (const [what, field] of Object.entries(dropped)) {
    it(`has the field dropped: ${what}`, async (t) => {
      const { seen } = await attempt(t, [headers(1, asAlice("/vector", [field]))]);
      assert.ok(seen.length <= 1);
    });
  }

  it("says no other length than that of its body, and nothing of the request in its trailers", async (t) => {
    const posted = (more: Fields): Fields => [
      [":method", "POST"],
      scheme,
      path,
      authority,
      own,
      ...more,
    ];
    const data = (text: string, flag: number) => frame(types.data, flag, 1, Buffer.from(text));
    const lies = [
      [
        headers(1, posted([["content-length", "5"]]), flags.endHeaders),
        data("abc", flags.endStream),
      ],
      [
        headers(1, posted([["content-length", "2"]]), flags.endHeaders),
        data("abc", flags.endStream),
      ],
      [headers(1, posted([]), flags.endHeaders), headers(1, [[":path", "/evil"]])],
      [headers(1, posted([]), flags.endHeaders), headers(1, [["transfer-encoding", "evil"]])],
    ];
    for (const sent of lies) {
      const { answer } = await attempt(t, sent);
      assert.notEqual(answer.type, types.headers);
    }
  });

  it("reaches no other request by what it says behind its own", async (t) => {
    const { gate, application } = await place();
    const before = application.seen.length;
    const session = await connectHttp2(t, gate.url);
    const body = "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const more of [{}, { "content-length": String(body.length) }]) {
      const sent = { method: "POST", headers: { token, ...more }, body };
      assert.equal((await sendHttp2(session, "/vector", sent)).status, 200);
    }
    const urls = application.seen.slice(before).map(({ url }) => url);
    assert.deepEqual(urls, ["/vector", "/vector"]);
    const raw = await openRaw(t, gate.port);
    raw.write(
      `PRI /evil HTTP/2.0\r\n\r\nSM\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\n\r\n`,
    );
    await raw.untilClosed();
    assert.equal(application.seen.length, before + 2);
  });
});
