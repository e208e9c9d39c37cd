import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { startApplication, type TestApplication } from "../../helpers/application.ts";
import { send } from "../../helpers/http.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { defineAttacks, type Gatekeeper, type Vector } from "../attack.ts";
import { exchange, head } from "../exchange.ts";

interface Site {
  readonly t: TestContext;
  readonly gate: Gatekeeper;
  readonly application: TestApplication;
}

const auth = () => `token: ${makeToken()}`;
const connections = 100;

/** Opens a connection that a vector holds on to. */
async function open({ t, gate }: Site): Promise<Socket> {
  const socket = connect(gate.port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Writes a piece at a time for as long as the other side listens; resolves when it has hung up. */
async function trickle(socket: Socket, first: string, piece: string): Promise<void> {
  socket.write(first);
  const timer = setInterval(() => socket.write(piece), 50);
  socket.resume();
  await once(socket, "close");
  clearInterval(timer);
}

function tooLarge(name: string, bytes: () => string): Vector<Site> {
  return {
    name,
    source: "CWE-770; RFC 9110 section 5.4",
    async attempt({ gate, application }) {
      const before = application.seen.length;
      const { status } = await exchange(gate.port, bytes());
      assert.ok([400, 401, 431].includes(status) || status === 0, String(status));
      assert.equal(application.seen.length, before);
    },
  };
}

/** A number from the metrics. */
async function metric({ gate }: Site, pattern: RegExp): Promise<number> {
  assert.ok(gate.adminUrl !== undefined, "nobody can see how much it holds");
  const { text } = await send(`${gate.adminUrl}/metrics`);
  return Number(pattern.exec(text)?.[1]);
}

const cacheHits = /^revgate_verification_cache_lookups_total\{result="hit"\} (\d+)$/m;

export const exhaustion = defineAttacks<Site>({
  name: "Exhaustion",
  advisories: ["CWE-400", "CWE-1333", "CVE-2007-6750", "CVE-2023-44487"],
  async open(t, place) {
    const application = await startApplication(t, (request, response) => {
      let bytes = 0;
      request.on("data", (chunk) => {
        bytes += chunk.length;
      });
      request.on("end", () =>
        response.end(request.url === "/large" ? "x".repeat(100_000) : String(bytes)),
      );
    });
    const yaml = `limits: { headersTimeout: 1s, requestTimeout: 2s, maxConnections: ${connections}, drainTimeout: 0s }
tokens: { keys: [ { publicKeyFile: public.pem } ], cacheEntries: 100 }
log: { level: silent }
`;
    return { t, application, gate: await place(t, { upstream: application.url, yaml }) };
  },
  vectors: [
    {
      name: "more connections than are allowed",
      source: "CWE-770",
      async attempt(site) {
        const sockets: Socket[] = [];
        for (let i = 0; i < connections; i += 1) sockets.push(await open(site));
        const closed = sockets.map((socket) => once(socket.resume(), "close"));
        const beyond = await exchange(site.gate.port, head("GET /me HTTP/1.1", [auth()]));
        assert.equal(beyond.status, 200);
        // It has the place of one that asked for nothing, and no more of them are closed for it.
        await Promise.race([...closed, sleep(2000)]);
        assert.equal(sockets.filter(({ destroyed }) => destroyed).length, 1);
        for (const socket of sockets) socket.destroy();
        // And those that have gone make room.
        let status = 0;
        while (status !== 200) {
          status = (await exchange(site.gate.port, head("GET /me HTTP/1.1", [auth()]))).status;
        }
      },
    },
    {
      name: "a head that trickles in",
      source: "CVE-2007-6750",
      attempt: async (site) =>
        trickle(await open(site), "GET /me HTTP/1.1\r\nHost: a\r\n", "X: a\r\n"),
    },
    {
      name: "a body that trickles in",
      source: "CVE-2007-6750",
      attempt: async (site) =>
        trickle(
          await open(site),
          `POST /me HTTP/1.1\r\nHost: a\r\n${auth()}\r\nContent-Length: 100000\r\n\r\n`,
          "x",
        ),
    },
    {
      name: "a body that trickles in without a token",
      source: "CVE-2007-6750",
      attempt: async (site) =>
        trickle(
          await open(site),
          "POST /me HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
          "x",
        ),
    },
    tooLarge("a header of a megabyte", () =>
      head("GET /me HTTP/1.1", [auth(), `X: ${"x".repeat(1 << 20)}`]),
    ),
    tooLarge("ten thousand headers", () =>
      head("GET /me HTTP/1.1", [auth(), ...Array(10_000).fill("X: a")]),
    ),
    tooLarge("a target of a megabyte", () =>
      head(`GET /${"x".repeat(1 << 20)} HTTP/1.1`, [auth()]),
    ),
    tooLarge("a query of a megabyte", () =>
      head(`GET /me?${"x".repeat(1 << 20)} HTTP/1.1`, [auth()]),
    ),
    tooLarge("a method of a megabyte", () => head(`${"X".repeat(1 << 20)} /me HTTP/1.1`, [auth()])),
    tooLarge("a token of ten kilobytes", () =>
      head("GET /me HTTP/1.1", [`token: ${"x".repeat(10_000)}`]),
    ),
    tooLarge("ten thousand cookies", () =>
      head("GET /me HTTP/1.1", [`Cookie: ${"a=b; ".repeat(10_000)}`]),
    ),
    tooLarge(
      "a chunk extension of a megabyte",
      () =>
        `${head("POST /me HTTP/1.1", ["Transfer-Encoding: chunked"])}5;${"x".repeat(1 << 20)}\r\nxxxxx\r\n0\r\n\r\n`,
    ),
    {
      name: "targets that take long to read",
      source: "CWE-1333 (test/attacks/long-inputs.test.ts has more of them)",
      async attempt({ gate }) {
        for (const unit of [".", "%20", ";.", "/;", "%2e"]) {
          const target = `/${unit.repeat(16_000 / unit.length)}x;`;
          // The fastest of many: the machine may be busy during some of them.
          let fastestMs = Number.POSITIVE_INFINITY;
          for (let i = 0; i < 20; i += 1) {
            const startedMs = performance.now();
            await exchange(gate.port, head(`GET ${target} HTTP/1.1`, []));
            fastestMs = Math.min(fastestMs, performance.now() - startedMs);
          }
          // Half a second each is what a sidecar could be stopped with by two requests a second.
          assert.ok(fastestMs < 200, `${fastestMs} ms for /${unit}…`);
        }
      },
    },
    {
      name: "a body that would grow a thousandfold",
      source: "CWE-409: nothing is decompressed",
      async attempt({ gate }) {
        const bomb = gzipSync(Buffer.alloc(10_000_000));
        const lines = [auth(), "Content-Encoding: gzip", `Content-Length: ${bomb.length}`];
        const bytes = Buffer.concat([Buffer.from(head("POST /me HTTP/1.1", lines)), bomb]);
        const { text } = await exchange(gate.port, bytes);
        assert.match(text, new RegExp(`\\r\\n\\r\\n${bomb.length}$`));
      },
    },
    {
      name: "pipelined requests whose answers nobody reads",
      source: "CWE-770; RFC 9112 section 9.3.2",
      async attempt(site) {
        const { application } = site;
        const socket = await open(site);
        socket.pause();
        const before = application.seen.length;
        const one = `GET /large HTTP/1.1\r\nHost: a\r\n${auth()}\r\n\r\n`;
        socket.write(one.repeat(2000));
        // By the time that others have been served a hundred times, it has had all that it gets.
        for (let i = 0; i < 100; i += 1) {
          await exchange(site.gate.port, head("GET /me HTTP/1.1", [auth()]));
        }
        assert.ok(application.seen.length - before - 100 < 500, `${application.seen.length}`);
        socket.destroy();
      },
    },
    {
      name: "a flood of distinct forged tokens does not push out those that were verified",
      source: "CWE-770",
      async attempt(site) {
        const good = `token: ${makeToken()}`;
        const call = (line: string) => exchange(site.gate.port, head("GET /me HTTP/1.1", [line]));
        await call(good);
        const [header, payload, signature = ""] = makeToken().split(".");
        for (let i = 0; i < 300; i += 1) {
          const forged = Buffer.from(signature, "base64url");
          forged.writeUInt32BE(i, 0);
          const { status } = await call(
            `token: ${header}.${payload}.${forged.toString("base64url")}`,
          );
          assert.equal(status, 401);
        }
        const before = await metric(site, cacheHits);
        await call(good);
        assert.equal(await metric(site, cacheHits), before + 1);
      },
    },
    {
      name: "a flood of distinct right tokens fills no more than the cache",
      source: "CWE-770",
      async attempt(site) {
        const call = (line: string) => exchange(site.gate.port, head("GET /me HTTP/1.1", [line]));
        const first = `token: ${makeToken()}`;
        await call(first);
        for (let i = 0; i < 150; i += 1) assert.equal((await call(auth())).status, 200);
        const before = await metric(site, cacheHits);
        assert.equal((await call(first)).status, 200);
        assert.equal(await metric(site, cacheHits), before);
      },
    },
  ],
});
