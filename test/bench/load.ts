import http from "node:http";
import autocannon from "autocannon";
import { cpuOf, type Started } from "./processes.ts";

/** Connections that the load keeps busy. */
export const connections = 64;

/** Sends that many requests over 64 connections, each with the next token; `undefined` is none. */
export async function load(
  url: string,
  amount: number,
  tokens: readonly (string | undefined)[],
  expected: 200 | 401 = 200,
): Promise<void> {
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
  if (right !== amount) {
    throw new Error(`${url}: ${right} of ${amount} answered ${expected}, ${result.errors} errors`);
  }
}

/** The same; resolves with the CPU that a process took for each, in microseconds. */
export async function cpuPerRequest(
  { pid, url }: Started,
  ...[amount, tokens, expected]: [number, readonly (string | undefined)[], (200 | 401)?]
): Promise<number> {
  const before = cpuOf(pid);
  await load(url, amount, tokens, expected);
  return (cpuOf(pid) - before) / amount;
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
