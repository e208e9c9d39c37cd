import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type IncomingMessage, type RequestListener, request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import { startApplication } from "../helpers/application.ts";
import { engineSetting } from "../helpers/engine.ts";
import { type BuiltGate, startBuiltGate } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";

/** Memory of a process, in megabytes, before and after. */
export interface Growth {
  readonly before: number;
  readonly after: number;
}

interface Measured {
  readonly listener?: RequestListener;
  /** More settings of a group. */
  readonly upstream?: string;
  readonly tokens?: string;
  readonly routes?: string;
  readonly signals?: string;
}

async function startMeasured(
  t: TestContext,
  { listener, upstream = "", tokens = "", routes = "", signals = "" }: Measured = {},
): Promise<BuiltGate> {
  const application = await startApplication(t, listener);
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "public.pem"), publicPem);
  const config = join(directory, "revgate.yaml");
  writeFileSync(
    config,
    `listen: { host: 127.0.0.1, port: 0 }
${engineSetting}
admin: { host: 127.0.0.1, port: 0 }
upstream: { url: "${application.url}", ${upstream} }
tokens: { keys: [ { publicKeyFile: public.pem } ], cacheEntries: 1000, ${tokens} }
denylist: { dataDir: data }
log: { requests: none }
limits: { maxConnections: 20000 }
routes: [ ${routes} ]
signals: { ${signals} }
`,
  );
  return startBuiltGate(t, config, { NODE_OPTIONS: "--max-semi-space-size=1" });
}

/** Resident memory of a process, in megabytes (proc(5)). */
function residentMegabytes({ child }: BuiltGate): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/**
 * Sends requests of every kind: right tokens, forged ones, none, unknown paths and odd targets, each
 * different from all others. `before` is behind the first `warm` of them, when the heap has found its size.
 */
export async function measureGrowth(t: TestContext, count: number, warm = 20_000): Promise<Growth> {
  const gate = await startMeasured(t);
  const client = new Pool(gate.url, { connections: 32 });
  t.after(() => client.destroy());
  const right = Array.from({ length: 50 }, () => makeToken());
  const [start, , signature = ""] = makeToken().split(".");
  const headersOf = (i: number): Record<string, string> => {
    if (i % 4 === 0) return {};
    if (i % 4 === 1)
      return { token: `${start}.${Buffer.from(`{"i":${i}}`).toString("base64url")}.${signature}` };
    return { token: right[i % right.length] ?? "", "X-Request-Id": `r${i}` };
  };
  const call = async (i: number) => {
    const path = i % 7 === 0 ? `/a;${i}` : `/path/${i}?q=${i}`;
    const { body } = await client.request({ method: "GET", path, headers: headersOf(i) });
    await body.dump();
  };
  const send = async (from: number, to: number) => {
    let next = from;
    const one = async () => {
      while (next < to) {
        next += 1;
        await call(next);
      }
    };
    await Promise.all(Array.from({ length: 32 }, one));
  };
  await send(0, warm);
  const before = residentMegabytes(gate);
  await send(warm, warm + count);
  return { before, after: residentMegabytes(gate) };
}

/** Opens connections that say nothing; others are served all the while. */
export async function measureIdle(t: TestContext, count: number): Promise<Growth> {
  const gate = await startMeasured(t);
  const before = residentMegabytes(gate);
  const sockets: Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let i = 0; i < count; i += 1) {
    const socket = connect(gate.port, "127.0.0.1");
    socket.on("error", () => {});
    sockets.push(socket);
    await once(socket, "connect");
  }
  const reply = await fetch(`${gate.url}/me`, { headers: { token: makeToken() } });
  assert.equal(reply.status, 200);
  return { before, after: residentMegabytes(gate) };
}

/** Sends heads of many short lines, and never ends them. */
export async function measureHeads(t: TestContext, connections: number): Promise<Growth> {
  const gate = await startMeasured(t);
  const before = residentMegabytes(gate);
  await sendUnended(
    t,
    gate,
    `GET / HTTP/1.1\r\nHost: a\r\n${"ab:cd\r\n".repeat(2300)}`,
    connections,
  );
  return { before, after: residentMegabytes(gate) };
}

const crumbs = "1\r\nx\r\n".repeat(65_000);

/** Sends bodies that are looked into a byte at a time, and never ends them. */
export async function measureCrumbs(t: TestContext, connections: number): Promise<Growth> {
  const gate = await startMeasured(t, {
    routes:
      "{ path: /reset, methods: [POST], access: public, revoke: subject, subjectFrom: { requestJson: /user } }",
  });
  const before = residentMegabytes(gate);
  const head = "POST /reset HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
  await sendUnended(t, gate, `${head}Transfer-Encoding: chunked\r\n\r\n${crumbs}`, connections);
  return { before, after: residentMegabytes(gate) };
}

/** The same to the admin listener, where it is open to identity providers. */
export async function measureAdminCrumbs(t: TestContext, connections: number): Promise<Growth> {
  const gate = await startMeasured(t, {
    tokens: "issuer: a",
    signals: "backchannelLogout: [ { audience: b } ]",
  });
  const before = residentMegabytes(gate);
  const head =
    "POST /backchannel-logout HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n";
  const text = `${head}Transfer-Encoding: chunked\r\n\r\n${crumbs}`;
  await sendUnended(t, gate, text, connections, Number(new URL(gate.adminUrl).port));
  return { before, after: residentMegabytes(gate) };
}

/** The same with bodies that wait for a connection to an application that does not answer. */
export async function measureWaitingCrumbs(t: TestContext, connections: number): Promise<Growth> {
  const gate = await startMeasured(t, { listener: () => {}, upstream: "maxConnections: 1" });
  const before = residentMegabytes(gate);
  const head = `POST /me HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\n`;
  await sendUnended(t, gate, `${head}Transfer-Encoding: chunked\r\n\r\n${crumbs}`, connections);
  return { before, after: residentMegabytes(gate) };
}

/** A response in chunks of 16 bytes, more than all buffers on its way hold. */
const tinyChunks = Buffer.from(
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${`10\r\n${"x".repeat(16)}\r\n`.repeat(700_000)}`,
);

/** Has clients ask for that, and not read it. */
export async function measureStalledReaders(t: TestContext, readers: number): Promise<Growth> {
  const gate = await startMeasured(t, {
    listener: ({ url, socket }, response) => {
      if (url === "/tiny") socket.write(tinyChunks);
      else response.end();
    },
  });
  const before = residentMegabytes(gate);
  for (let i = 0; i < readers; i += 1) {
    const socket = connect(gate.port, "127.0.0.1");
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(`GET /tiny HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\n\r\n`);
    await once(socket, "readable");
  }
  // By then the gate has taken what it takes.
  let after = 0;
  for (let i = 0; i < 200; i += 1) {
    await fetch(`${gate.url}/me`, { headers: { token: makeToken() } });
    after = Math.max(after, residentMegabytes(gate));
  }
  return { before, after };
}

/** Sends so many requests behind one that the application does not answer. */
export async function measureQueue(t: TestContext, requests: number): Promise<Growth> {
  const gate = await startMeasured(t, { listener: () => {} });
  const before = residentMegabytes(gate);
  const head = `GET /me HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\n\r\n`;
  const queue = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(requests);
  await sendUnended(t, gate, head + queue, 1);
  return { before, after: residentMegabytes(gate) };
}

/** Sends the beginning of a request over so many connections, and lets it be read. */
async function sendUnended(
  t: TestContext,
  gate: BuiltGate,
  text: string,
  connections: number,
  port = gate.port,
): Promise<void> {
  for (let i = 0; i < connections; i += 1) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    t.after(() => socket.destroy());
    await once(socket, "connect");
    socket.write(text);
  }
  // By the time that others have been answered a hundred times, all of it has been read.
  for (let i = 0; i < 100; i += 1) {
    assert.equal((await fetch(`${gate.url}/me`)).status, 401);
  }
}

const block = Buffer.alloc(64 * 1024);

/** Has a response read in fits and starts that the application sends as fast as it can; `after` is the most. */
export async function measureSlowReader(t: TestContext, megabytes: number): Promise<Growth> {
  const blocks = megabytes * 16;
  const gate = await startMeasured(t, {
    listener: (_request, response) => {
      Readable.from(
        (function* () {
          for (let i = 0; i < blocks; i += 1) yield block;
        })(),
      ).pipe(response);
    },
  });
  const before = residentMegabytes(gate);
  const outgoing = request(`${gate.url}/me`, { headers: { token: makeToken() } }).end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  let received = 0;
  let after = 0;
  let pauseAt = 0;
  for await (const chunk of response) {
    received += chunk.length;
    if (received < pauseAt) continue;
    await sleep(20);
    after = Math.max(after, residentMegabytes(gate));
    pauseAt += 8 << 20;
  }
  assert.equal(received, megabytes << 20);
  return { before, after };
}
