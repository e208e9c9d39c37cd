import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { listenOnLoopback } from "../../helpers/application.ts";
import { fc } from "../../helpers/fast-check.ts";
import { startGate, type TestGate } from "../../helpers/gate.ts";
import { openRaw, type RawConnection, send } from "../../helpers/http.ts";
import { untilNothingIsLeft } from "../../helpers/left-over.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { type Fuzzer, tryEach } from "./fuzzer.ts";

/** How an application answers; only with the first four is its answer whole. */
const answerings = [
  "at once",
  "in pieces",
  "in tiny chunks",
  "behind hints",
  "never",
  "half a head",
  "half a body",
  "half a body, then closes",
  "half a body, then resets",
  "closes",
  "nonsense",
] as const;
const wholeAnswers: readonly string[] = answerings.slice(0, 4);

interface Exchange {
  readonly path: "/static/a" | "/me" | "/logout";
  readonly framing: "length" | "chunked";
  readonly bodyBytes: number;
  readonly sends: "at once" | "in pieces" | "half" | "half, then leaves";
  readonly reads: "at once" | "slowly" | "the head" | "nothing, and leaves";
  /** Whether the application takes the body, or stops behind the head. */
  readonly takesBody: boolean;
  readonly answers: (typeof answerings)[number];
  readonly answerBytes: number;
}

const exchanges: fc.Arbitrary<Exchange> = fc.record({
  path: fc.constantFrom("/static/a", "/me", "/logout"),
  framing: fc.constantFrom("length", "chunked"),
  bodyBytes: fc.constantFrom(0, 0, 1, 70_000, 4_000_000),
  sends: fc.constantFrom("at once", "at once", "in pieces", "half", "half, then leaves"),
  reads: fc.constantFrom("at once", "at once", "slowly", "the head", "nothing, and leaves"),
  takesBody: fc.boolean(),
  answers: fc.constantFrom(...answerings),
  answerBytes: fc.constantFrom(0, 5, 16_384, 12_000_000),
});

const atATime = 40;
const yamlFor = (upstream: string) => `
upstream: { url: "${upstream}", responseTimeout: 300ms, idleTimeout: 300ms, maxConnections: 8, queueTimeout: 500ms }
limits: { headersTimeout: 1s, requestTimeout: 5s, receiveTimeout: 1s, sendTimeout: 1s }
routes: [ { path: /static/*, access: public }, { path: /logout, methods: [POST], revoke: token } ]`;

/** Peers on both ends that are slow, stop, or leave in the middle. */
export const slowPeersFuzzer: Fuzzer = {
  name: "slow-peers",
  claim:
    "each exchange of peers that are slow, stop or leave ends, none half looks whole, and nothing is left of it",
  short: { runs: 1, timeLimitMs: 30_000, atLeast: { exchanges: atATime } },
  async fuzz(t, options) {
    const scripts = new Map<string, Exchange>();
    const upstream = await startApplication(t, scripts);
    const gate = await startGate(t, { upstream, yaml: yamlFor(upstream) });
    const ends: Record<string, number> = { exchanges: 0 };
    const many = fc.array(exchanges, { minLength: atATime, maxLength: atATime });
    await tryEach(many, options, async (batch) => {
      const seen = await Promise.all(batch.map((one) => exchange(t, gate, scripts, one)));
      for (const end of ["exchanges", ...seen]) {
        ends[end] = (ends[end] ?? 0) + (end === "exchanges" ? seen.length : 1);
      }
      await untilNothingIsLeft(gate);
    });
    return ends;
  },
};

/** Its script says how it answers a request, by the request's number. */
async function startApplication(t: TestContext, scripts: ReadonlyMap<string, Exchange>) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      const [, id = ""] = /^x-script: (\w+)/im.exec(data.toString("latin1")) ?? [];
      const script = scripts.get(id);
      if (script === undefined) return;
      if (!script.takesBody) socket.pause();
      void answer(socket, script);
    });
  });
  return `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
}

async function answer(socket: Socket, { answers, answerBytes }: Exchange): Promise<void> {
  const body = "a".repeat(answerBytes);
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${answerBytes}\r\n\r\n`;
  const half = `${head.replace(/\d+\r/, `${answerBytes + 9}\r`)}${body}`;
  switch (answers) {
    case "at once":
      return void socket.write(head + body);
    case "in pieces":
      for (let at = 0; at < head.length; at += 20) {
        socket.write(head.slice(at, at + 20));
        await sleep(5);
      }
      return void socket.write(body);
    case "in tiny chunks":
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      return void socket.write(`${"1\r\na\r\n".repeat(Math.min(answerBytes, 300_000))}0\r\n\r\n`);
    case "behind hints":
      socket.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
      return void socket.write(head + body);
    case "never":
      return;
    case "half a head":
      return void socket.write(head.slice(0, 20));
    case "half a body":
      return void socket.write(half);
    case "half a body, then closes":
      return void socket.end(half);
    case "half a body, then resets":
      return void socket.write(half, () => socket.resetAndDestroy());
    case "closes":
      return void socket.destroy();
    case "nonsense":
      return void socket.write("\x00\x01nonsense\n\n");
  }
}

let scriptCount = 0;

/** Resolves to what the client was told in the end; rejects if that can't be. */
async function exchange(
  t: TestContext,
  gate: TestGate,
  scripts: Map<string, Exchange>,
  one: Exchange,
): Promise<string> {
  scriptCount += 1;
  const id = `s${scriptCount}`;
  scripts.set(id, one);
  const token = makeToken();
  const raw = await openRaw(t, gate.port);
  read(raw.socket, one);
  const told = follow(raw.socket);
  void sendRequest(raw, one, { id, token });
  const seen = await untilOver(raw, one, told);
  raw.socket.destroy();
  scripts.delete(id);
  if (seen === "200 whole") assert.ok(wholeAnswers.includes(one.answers), JSON.stringify(one));
  if (one.path === "/logout") await checkLogout(gate, token, seen);
  return seen;
}

function read(socket: Socket, { reads }: Exchange): void {
  if (reads === "the head") socket.once("data", () => socket.pause());
  if (reads !== "slowly") return;
  socket.on("data", () => {
    socket.pause();
    setTimeout(() => socket.resume(), 5);
  });
}

async function sendRequest(
  raw: RawConnection,
  { path, framing, bodyBytes, sends }: Exchange,
  { id, token }: { readonly id: string; readonly token: string },
): Promise<void> {
  const framed =
    framing === "length" ? `Content-Length: ${bodyBytes}` : "Transfer-Encoding: chunked";
  const head = `POST ${path} HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\nx-script: ${id}\r\n${framed}\r\n\r\n`;
  const bytes = "b".repeat(bodyBytes);
  const chunk = bodyBytes === 0 ? "" : `${bodyBytes.toString(16)}\r\n${bytes}\r\n`;
  const body = framing === "length" ? bytes : `${chunk}0\r\n\r\n`;
  const all = head + body;
  if (sends === "at once") return raw.write(all);
  if (sends === "in pieces") {
    const piece = Math.max(1, Math.ceil(all.length / 20));
    for (let at = 0; at < all.length && !raw.socket.destroyed; at += piece) {
      raw.write(all.slice(at, at + piece));
      await sleep(10);
    }
    return;
  }
  raw.write(all.slice(0, head.length + Math.floor(body.length / 2)));
  if (sends === "half, then leaves") setTimeout(() => raw.socket.destroy(), 50);
}

/** Until the answer is whole, or the connection over; one that does not read is told nothing. */
async function untilOver(raw: RawConnection, { reads }: Exchange, answer: Told): Promise<string> {
  if (reads === "nothing, and leaves") {
    await sleep(50);
    return "left";
  }
  if (reads === "the head") {
    await Promise.race([raw.until(/\r\n\r\n/).catch(() => {}), raw.untilClosed()]);
    // Longer than it may. If there is more than it has taken, it is given up meanwhile.
    await sleep(2500);
    return "stood still";
  }
  const over = raw.until(
    /^(?:HTTP\/1\.1 1\d\d [\s\S]*?\r\n\r\n)*HTTP\/1\.1 [2-5]\d\d [\s\S]*\r\n\r\n/,
  );
  await over.catch(() => {});
  let closed = false;
  void raw.untilClosed().then(() => {
    closed = true;
  });
  for (;;) {
    const told = whatWasTold(answer);
    if (told !== undefined) return told;
    if (closed) return "broken off";
    await sleep(20);
  }
}

/** What is looked at of an answer: to put all of it together each time would take longer than to receive it. */
interface Told {
  first: string;
  last: string;
  bytes: number;
}

const firstBytes = 16_384;

function follow(socket: Socket): Told {
  const told = { first: "", last: "", bytes: 0 };
  socket.on("data", (chunk: Buffer) => {
    if (told.first.length < firstBytes) told.first += chunk.toString("latin1");
    told.last = (told.last + chunk.subarray(-5).toString("latin1")).slice(-5);
    told.bytes += chunk.length;
  });
  return told;
}

function whatWasTold({ first, last, bytes }: Told): string | undefined {
  const final = first.replace(/^(?:HTTP\/1\.1 1\d\d [\s\S]*?\r\n\r\n)*/, "");
  const end = final.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [, status = ""] = /^HTTP\/1\.1 (\d+)/.exec(final) ?? [];
  const [, length] = /^content-length: (\d+)/im.exec(final.slice(0, end)) ?? [];
  const body = bytes - (first.length - final.length) - end - 4;
  const whole = length === undefined ? last === "0\r\n\r\n" : body === Number(length);
  if (!whole) return undefined;
  const [, error = "whole"] = /"error":"(\w+)"/.exec(final.slice(end, end + 200)) ?? [];
  return `${status} ${error}`;
}

/** A 2xx means that the token is dead; what never reached the application means that it lives. */
async function checkLogout(gate: TestGate, token: string, seen: string): Promise<void> {
  const ended = seen === "200 whole";
  const untouched = seen === "408 request_timeout" || seen === "503 upstream_busy";
  if (!ended && !untouched) return;
  const { text } = await send(`${gate.url}/me`, { headers: { token, "x-script": "none" } });
  const revoked = text.includes("token_revoked");
  assert.equal(revoked, ended, `${seen}, then ${text}`);
}
