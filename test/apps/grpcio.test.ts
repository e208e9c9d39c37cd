import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { startGate, untilReady } from "../helpers/gate.ts";
import { startGrpcShop } from "../helpers/grpc-shop.ts";
import { startRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { repository } from "../tools/repository.ts";
import { appsPython } from "./install.ts";

describe("Python's grpcio through two revgates that share a Redis", () => {
  it("makes calls of every kind, and a logout at one ends a stream and the token at the other", async (t) => {
    const redis = await startRedis(t);
    const shop = await startGrpcShop(t);
    const yaml = `
routes: [ { path: /demo.Shop/Logout, methods: [POST], revoke: token } ]
denylist: { dataDir: data, redis: { url: "${redis.url}", commandTimeout: 5s } }
log: { requests: none }`;
    const options = { upstream: `http://127.0.0.1:${shop.port}`, yaml };
    const gates = [await startGate(t, options), await startGate(t, options)];
    for (const gate of gates) await untilReady(gate);
    const [first, second] = gates.map(({ port }) => `127.0.0.1:${port}`);

    const script = join(repository, "test/apps/grpc-client.py");
    const args = [script, first ?? "", second ?? "", makeToken()];
    const env = { ...process.env, no_grpc_proxy: "127.0.0.1" };
    const { stdout } = await promisify(execFile)(appsPython, args, { env });
    const refused = "UNAUTHENTICATED Please log in again.";
    assert.deepEqual(stdout.trim().split("\n"), [
      "nobody UNAUTHENTICATED Token is missing. token_missing",
      "me me zoë 5",
      "me me zoë 5",
      "late DEADLINE_EXCEEDED",
      "collect 3",
      "chat one two",
      "watch first",
      "failed FAILED_PRECONDITION not now ",
      "me me x 5",
      "logout bye ",
      `watch ${refused}`,
      `after ${refused} token_revoked`,
      `after ${refused} token_revoked`,
    ]);
  });
});
