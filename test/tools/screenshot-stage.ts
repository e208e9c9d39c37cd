import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { ConfigError } from "../../src/errors.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { fillRedis, startRedis, type TestRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

/** The admin secret of the sidecars. */
export const secret = "the-secret-of-the-admins";

/** Lets go of what was started, when it is called back at the end. */
export type Ending = Pick<TestContext, "after">;

/** What the pictures are taken of. */
export interface Stage {
  readonly gates: readonly TestGate[];
  readonly redis: TestRedis;
}

/** Starts a Redis with ten thousand revocations, and three sidecars that share it. */
export async function setStage(t: Ending): Promise<Stage> {
  const upstream = await startShop(t);
  const redis = await startRedis(t);
  await fillRedis(redis, 10_000, Math.floor(Date.now() / 1000) + 100_000);
  const gates: TestGate[] = [];
  for (let i = 0; i < 3; i += 1) {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, "secret"), secret);
    const yaml = [
      "admin: { host: 127.0.0.1, port: 0, tokenFile: secret }",
      `denylist: { dataDir: data, redis: { url: "${redis.url}" } }`,
      "log: { requests: none }",
    ].join("\n");
    const gate = await startGate(t as TestContext, { upstream, directory, yaml });
    await untilReady(gate);
    gates.push(gate);
  }
  return { gates, redis };
}

/** An application that takes a few milliseconds, and streams where it is asked to. */
async function startShop(t: Ending): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === "/stream") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(": open\n\n");
      return;
    }
    setTimeout(() => response.end("{}"), 4 + 12 * Math.random() ** 4);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Users who come, work and log out, some with a stream open, some with a token that is no good; until it is stopped. */
export function startTraffic({ gates: [gate, other] }: Stage): () => Promise<void> {
  let goesOn = true;
  const url = (gate as TestGate).url;
  const use = (token: string, path = "/me", method = "GET") =>
    send(`${url}${path}`, { method, headers: { token } }).catch(() => undefined);
  async function work(token: string, times: number): Promise<void> {
    for (let i = 0; goesOn && i < times; i += 1) {
      await use(token);
      await new Promise((resolve) => setTimeout(resolve, 100 + 150 * Math.random()));
    }
  }
  async function user(number: number): Promise<void> {
    for (let session = 0; goesOn; session += 1) {
      const token = makeToken({ sub: `user-${number}` });
      const stream = session % 3 === 0 ? use(token, "/stream") : undefined;
      await work(token, 20 + 10 * number);
      const at = session % 2 === 0 ? url : (other as TestGate).url;
      await send(`${at}/logout`, { method: "POST", headers: { token } }).catch(() => undefined);
      await Promise.all([use(token), session % 4 === 0 && use("x.y.z"), stream]);
    }
  }
  const users = Array.from({ length: 6 }, (_, number) => user(number));
  return async () => {
    goesOn = false;
    await Promise.race([Promise.all(users), new Promise((resolve) => setTimeout(resolve, 3000))]);
  };
}

/** What comes over the stage, one after the other. */
export const scenes = {
  /** As it is most of the time. */
  async traffic(_stage: Stage) {},
  /** Redis is gone, and a changed configuration was refused. */
  async trouble({ gates: [gate], redis }: Stage) {
    await gate?.reload(async () => {
      throw new ConfigError(["revgate.yaml:14:3 routes[2].revoke: expected token or subject"]);
    });
    await redis.kill();
    const text = async () => (await send(`${(gate as TestGate).adminUrl}/readyz`)).status;
    while ((await text()) !== 503) await new Promise((resolve) => setTimeout(resolve, 200));
  },
};
