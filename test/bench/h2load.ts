import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../tools/programs.ts";
import { cpuOf, launch, makeDirectory } from "./processes.ts";

/** How requests are sent: over so many connections, so many at once on each. */
export interface Way {
  readonly name: string;
  readonly http1: boolean;
  readonly connections: number;
  readonly streams: number;
}

/** 64 requests at once, by HTTP/1.1 and by HTTP/2. */
export const ways = {
  http1: { name: "HTTP/1.1, 64 connections", http1: true, connections: 64, streams: 1 },
  oneStream: { name: "HTTP/2, 64 connections", http1: false, connections: 64, streams: 1 },
  eightStreams: { name: "HTTP/2, 8 × 8 streams", http1: false, connections: 8, streams: 8 },
} as const satisfies Record<string, Way>;

/** What is sent, all requests alike. */
export interface Sent {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** With a body it is a POST. */
  readonly body?: Buffer;
}

/** How long one load may take; the longest takes 20 s on a quiet machine. */
const timeLimitMs = 240_000;

/** Makes the arguments of h2load for what is sent; a body goes to a file. */
export function prepareLoad({ path, headers, body }: Sent) {
  const lines = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const file = body && join(makeDirectory(), "body");
  if (file !== undefined && body !== undefined) writeFileSync(file, body);
  return { path, options: [...lines, ...(file === undefined ? [] : ["-d", file])] };
}

/** What `prepareLoad` makes. */
export type PreparedLoad = ReturnType<typeof prepareLoad>;

/** Sends so many requests; resolves with the bytes of all bodies that came back. Throws if one was not answered 2xx. */
export async function sendLoad(
  url: string,
  { path, options }: PreparedLoad,
  { amount, way }: { readonly amount: number; readonly way: Way },
): Promise<number> {
  const connections = Math.min(amount, way.connections);
  const child = launch(1, [
    ...[findProgram(["h2load"]), "-t1", `-n${amount}`, `-c${connections}`, `-m${way.streams}`],
    ...[...(way.http1 ? ["--h1"] : []), ...options, url + path],
  ]);
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const limit = setTimeout(() => child.kill(), timeLimitMs);
  await once(child, "close");
  clearTimeout(limit);
  const [, succeeded] = /status codes: (\d+) 2xx/.exec(text) ?? [];
  const [, bytes] = /\((\d+)\) data/.exec(text) ?? [];
  if (Number(succeeded) !== amount || bytes === undefined) {
    throw new Error(`${url}${path}: not all ${amount} were answered 2xx: ${text}`);
  }
  return Number(bytes);
}

/** The CPU that a process takes for each of so many requests, in microseconds; each body must have `bytes`. */
export async function cpuOfLoad(
  { pid, url }: { readonly pid: number; readonly url: string },
  load: PreparedLoad,
  sending: { readonly amount: number; readonly way: Way; readonly bytes: number },
): Promise<number> {
  const before = cpuOf(pid);
  const received = await sendLoad(url, load, sending);
  const spent = cpuOf(pid) - before;
  const expected = sending.amount * sending.bytes;
  if (received !== expected) throw new Error(`${url}: ${received} bytes in place of ${expected}`);
  return spent / sending.amount;
}
