import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { listenOnLoopback } from "../helpers/application.ts";
import { untilReady, writeConfig } from "../helpers/gate.ts";
import { type BuiltGate, startBuiltGate } from "../helpers/program.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

/** What became of many logouts in one moment. */
export interface LogoutsReport {
  /** By status and error, and "none" if no answer came. */
  readonly answers: Readonly<Record<string, number>>;
  /** Tokens that were accepted behind the 2xx of their logout. */
  readonly alive: number;
  /** From the first request to the last answer, in milliseconds. */
  readonly tookMs: number;
}

/** Opens a connection for each logout, sends all of them at once, and asks for each token afterwards. */
export async function measureLogouts(
  t: TestContext,
  count: number,
  store: "redis" | "alone",
): Promise<LogoutsReport> {
  const gate = await startGateFor(t, store);
  const tokens = Array.from({ length: count }, (_, i) => makeToken({ sub: `u${i}` }));
  const sockets = await openAll(t, gate, count);
  const startedMs = performance.now();
  const texts = await Promise.all(
    sockets.map((socket, i) =>
      exchange(
        socket,
        `POST /logout HTTP/1.1\r\nHost: a\r\ntoken: ${tokens[i]}\r\nContent-Length: 0\r\n\r\n`,
      ),
    ),
  );
  const tookMs = Math.round(performance.now() - startedMs);
  const answers: Record<string, number> = {};
  let alive = 0;
  for (const [i, text] of texts.entries()) {
    const answer = answerIn(text);
    answers[answer] = (answers[answer] ?? 0) + 1;
    if (answer !== "200") continue;
    const check = await exchange(
      sockets[i] as Socket,
      `GET /me HTTP/1.1\r\nHost: a\r\ntoken: ${tokens[i]}\r\n\r\n`,
    );
    if (answerIn(check) !== "401 token_revoked") alive += 1;
  }
  return { answers, alive, tookMs };
}

async function startGateFor(t: TestContext, store: "redis" | "alone"): Promise<BuiltGate> {
  const application = createServer((request, response) => {
    request.resume();
    response.end("logged out");
  });
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, application)}`;
  const directory = temporaryDirectory(t);
  const redis =
    store === "redis" ? `, redis: { url: "${(await startUsedRedis(t)).url}", ${patience} }` : "";
  const yaml = `denylist: { dataDir: data${redis} }
log: { requests: none }
limits: { maxConnections: 20000, headersTimeout: 5m }`;
  await writeConfig(directory, yaml, upstream);
  const gate = await startBuiltGate(t, `${directory}/revgate.yaml`);
  await untilReady(gate);
  return gate;
}

/** A few at a time: the system takes no more at once. */
async function openAll(t: TestContext, { port }: BuiltGate, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(100, count - sockets.length) }, () =>
      connect(port, "127.0.0.1"),
    );
    sockets.push(...some);
    await Promise.all(some.map((socket) => once(socket, "connect")));
  }
  return sockets;
}

/** Sends a request; resolves with the answer, or what came of it. */
function exchange(socket: Socket, request: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const end = () => {
      socket.off("data", take).off("close", end);
      resolve(text);
    };
    const take = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const [head, body] = text.split("\r\n\r\n", 2);
      const length = Number(/^content-length: (\d+)/im.exec(head ?? "")?.[1] ?? Number.NaN);
      if (body !== undefined && body.length >= length) end();
    };
    socket
      .on("data", take)
      .on("close", end)
      .on("error", () => {});
    socket.write(request);
  });
}

function answerIn(text: string): string {
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
  const [, error] = /"error":"(\w+)"/.exec(text) ?? [];
  return status === undefined ? "none" : [status, error].filter(Boolean).join(" ");
}
