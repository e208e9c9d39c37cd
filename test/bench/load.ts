import { once } from "node:events";
import { writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import autocannon from "autocannon";
import { searchProgram } from "../tools/programs.ts";
import { cpuOf, launch, makeDirectory, type Started } from "./processes.ts";

/** Connections that the load keeps busy. */
export const connections = 64;

/** What is sent, and how it is to be answered. */
export interface Load {
  readonly url: string;
  /** How many requests, at least. */
  readonly amount: number;
  /** Each request carries the next of them; `undefined` is none. */
  readonly tokens: readonly (string | undefined)[];
  readonly expected: 200 | 401;
}

const wrk = searchProgram(["wrk"]);

/** What sends the load. */
export const loader = wrk === undefined ? "autocannon" : "wrk";

/** Sends requests over 64 connections; resolves with how many were answered, all of them as expected. */
export function load(load: Load): Promise<number> {
  return wrk === undefined ? loadByAutocannon(load) : loadByWrk(wrk, load);
}

/** The same; resolves with the CPU that a process took for each, in microseconds. */
export async function cpuPerRequest(
  { pid, url }: Started,
  sent: Omit<Load, "url">,
): Promise<number> {
  const before = cpuOf(pid);
  const answered = await load({ url, ...sent });
  return (cpuOf(pid) - before) / answered;
}

async function loadByAutocannon({ url, amount, tokens, expected }: Load): Promise<number> {
  const result = await autocannon({
    url,
    connections,
    amount,
    requests: tokens.map((token) => ({
      method: "GET",
      path: "/me",
      headers: token === undefined ? {} : { token },
    })),
  });
  const right = expected === 200 ? result["2xx"] : result["4xx"];
  if (right !== amount) throw new Error(`${url}: ${right} of ${amount} answered ${expected}`);
  return amount;
}

/** One run of wrk. Short ones where the whole is to be short. */
const secondsEach = process.argv.includes("--quick") ? 1 : 2;
const scripts = new Map<Load["tokens"], string>();

/** wrk runs for a time, not for a number of requests: as often as it takes. */
async function loadByWrk(
  program: string,
  { url, amount, tokens, expected }: Load,
): Promise<number> {
  const script = scripts.get(tokens) ?? writeScript(tokens);
  scripts.set(tokens, script);
  let answered = 0;
  while (answered < amount) {
    const time = ["--timeout", "60s", `-d${secondsEach}s`];
    const args = ["-t1", `-c${connections}`, ...time, "-s", script, url];
    const child = launch(1, [program, ...args]);
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    await once(child, "close");
    const count = Number(/(\d+) requests in/.exec(text)?.[1]);
    const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
    if (refused !== (expected === 200 ? 0 : count) || /Socket errors/.test(text) || !(count > 0)) {
      throw new Error(`${url}: not all answered ${expected}: ${text}`);
    }
    answered += count;
  }
  return answered;
}

function writeScript(tokens: Load["tokens"]): string {
  const file = join(makeDirectory(), "load.lua");
  const list = tokens.map((token) => (token === undefined ? "{}" : `{ token = "${token}" }`));
  const text = `local headers = { ${list.join(",\n")} }
local i = 0
request = function()
  i = i % #headers + 1
  return wrk.format("GET", "/me", headers[i])
end
`;
  writeFileSync(file, text);
  return file;
}

/** Sends requests one after the other over one connection; resolves with the time of each, in microseconds. */
export async function latencies(
  url: string,
  amount: number,
  tokens: readonly string[],
): Promise<number[]> {
  const client = new Client(url);
  const times: number[] = [];
  for (let i = 0; i < amount; i += 1)
    times.push(await client.call(tokens[i % tokens.length] ?? ""));
  client.close();
  return times;
}

/** Sends requests over 8 connections until it is told to stop; resolves with the time of each, in microseconds. */
export async function latenciesUntil(
  url: string,
  tokens: readonly string[],
  ended: () => boolean,
): Promise<number[]> {
  const times: number[] = [];
  const clients = Array.from({ length: 8 }, () => new Client(url));
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; !ended(); i += 1)
        times.push(await client.call(tokens[i % tokens.length] ?? ""));
      client.close();
    }),
  );
  return times;
}

/** One kept connection. */
class Client {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;

  constructor(url: string) {
    this.#url = `${url}/me`;
  }

  call(token: string): Promise<number> {
    const startedMs = performance.now();
    return new Promise((resolve, reject) => {
      const request = http.get(
        this.#url,
        { headers: { token }, agent: this.#agent },
        (response) => {
          if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`));
          response.resume().on("end", () => resolve((performance.now() - startedMs) * 1000));
        },
      );
      request.on("error", reject);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
