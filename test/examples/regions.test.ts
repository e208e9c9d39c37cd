import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import {
  type BuiltGate,
  repository,
  startBuiltGate,
  startExampleProgram,
  writeKeyFiles,
} from "../helpers/program.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

const folder = join(repository, "examples/regions");

async function startRegions(t: TestContext) {
  const directory = temporaryDirectory(t);
  const keys = writeKeyFiles(directory);
  const secretFile = join(directory, "admin-token");
  writeFileSync(secretFile, "the-secret-of-both-regions\n");
  const application = await startExampleProgram(t, "node/server.js", keys);
  const startRegion = async (name: string) => {
    const redis = await startUsedRedis(t);
    const gate = await startBuiltGate(t, join(folder, "revgate.yaml"), {
      ...keys,
      ...{ PORT: "0", ADMIN_PORT: "0", APPLICATION: application.url },
      ...{ DATA_DIR: join(directory, name), REDIS: redis.url, ADMIN_TOKEN_FILE: secretFile },
    });
    await untilReady(gate);
    return gate;
  };
  return { eu: await startRegion("eu"), us: await startRegion("us"), secretFile };
}

async function logIn({ url }: BuiltGate): Promise<string> {
  const body = JSON.stringify({ user: "alice", password: "wonderland" });
  return (await send(`${url}/login`, { method: "POST", body })).json["token"] as string;
}

async function statusAt({ url }: BuiltGate, token: string): Promise<number> {
  return (await send(`${url}/me`, { headers: { token } })).status;
}

/** Runs the example's program; resolves to its exit code and what it says. */
async function endEverywhere(
  {
    secretFile,
    regions,
    waitSeconds = 60,
  }: { readonly secretFile: string; readonly regions: string; readonly waitSeconds?: number },
  { args = [], input = "" }: { readonly args?: readonly string[]; readonly input?: string },
) {
  const child = spawn(process.execPath, [join(folder, "end-everywhere.js"), ...args], {
    env: {
      ...process.env,
      REGIONS: regions,
      ADMIN_TOKEN_FILE: secretFile,
      WAIT_SECONDS: String(waitSeconds),
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end(input);
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return { code, said: said.trim().split("\n").sort() };
}

describe("the example of two regions", () => {
  it("ends sessions in one region, and in both, as its README says", async (t) => {
    const { eu, us, secretFile } = await startRegions(t);
    const regions = `eu=${eu.adminUrl} us=${us.adminUrl}`;
    const token = await logIn(eu);
    assert.deepEqual([await statusAt(eu, token), await statusAt(us, token)], [200, 200]);

    const left = await send(`${eu.url}/logout`, { method: "POST", headers: { token } });
    assert.equal(left.status, 200);
    assert.deepEqual([await statusAt(eu, token), await statusAt(us, token)], [401, 200]);
    const both = { code: 0, said: ["eu: ended", "us: ended"] };
    assert.deepEqual(await endEverywhere({ secretFile, regions }, { input: `${token}\n` }), both);
    assert.deepEqual([await statusAt(eu, token), await statusAt(us, token)], [401, 401]);

    const other = await logIn(us);
    assert.deepEqual(await endEverywhere({ secretFile, regions }, { args: ["alice"] }), both);
    assert.deepEqual([await statusAt(eu, other), await statusAt(us, other)], [401, 401]);
  });

  it("names a region that can't be reached, and fails", async (t) => {
    const { eu, us, secretFile } = await startRegions(t);
    const token = await logIn(eu);
    const away = `http://127.0.0.1:${await freePort()}`;
    const regions = `eu=${eu.adminUrl} us=${away}`;
    const { code, said } = await endEverywhere(
      { secretFile, regions, waitSeconds: 8 },
      { input: token },
    );
    assert.deepEqual(
      { code, said },
      { code: 1, said: ["eu: ended", "us: not ended (ECONNREFUSED)"] },
    );
    assert.deepEqual([await statusAt(eu, token), await statusAt(us, token)], [401, 200]);
  });
});
