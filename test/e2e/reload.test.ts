import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { isLong } from "../helpers/form.ts";
import { writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { type BuiltGate, startBuiltGate } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

async function start(t: TestContext) {
  const directory = temporaryDirectory(t);
  const { url: upstream } = await startApplication(t);
  await writeConfig(directory, "log: { requests: none }", upstream);
  /** In one step, as editors and ConfigMaps do: half a file would be taken for a wrong one, for a moment. */
  const write = async (yaml: string) => {
    const staging = temporaryDirectory(t);
    await writeConfig(staging, yaml, upstream);
    renameSync(join(staging, "revgate.yaml"), join(directory, "revgate.yaml"));
  };
  const gate = await startBuiltGate(t, join(directory, "revgate.yaml"));
  return { directory, upstream, write, gate };
}

const open = (path: string) =>
  `log: { requests: none }\nroutes: [ { path: ${path}, access: public } ]`;

async function untilStatus(gate: BuiltGate, path: string, status: number): Promise<void> {
  await until(async () => (await send(`${gate.url}${path}`)).status === status);
}

async function reloads(gate: BuiltGate): Promise<{ ok: number; failed: number }> {
  const { text } = await send(`${gate.adminUrl}/metrics`);
  const count = (result: string) =>
    Number(
      new RegExp(`^revgate_config_reloads_total\\{result="${result}"\\} (\\d+)`, "m").exec(
        text,
      )?.[1],
    );
  return { ok: count("ok"), failed: count("failed") };
}

describe("revgate run, whose configuration changes", () => {
  it("takes on a file that was written anew", async (t) => {
    const { gate, write } = await start(t);
    await write(open("/a"));
    await untilStatus(gate, "/a", 200);
    assert.deepEqual(await reloads(gate), { ok: 1, failed: 0 });
  });

  it("takes on a ConfigMap that was swapped, and keeps to the old one where the new is wrong", async (t) => {
    const { directory, upstream } = await start(t);
    const mounted = join(directory, "mounted");
    const swap = async (version: string, yaml: string) => {
      mkdirSync(join(mounted, version), { recursive: true });
      // A wrong one is written all the same, and what loading it says does not matter here.
      await writeConfig(join(mounted, version), yaml, upstream).catch(() => {});
      symlinkSync(version, join(mounted, "..data_tmp"));
      renameSync(join(mounted, "..data_tmp"), join(mounted, "..data"));
    };
    await swap("..1", open("/a"));
    for (const file of ["revgate.yaml", "public.pem"]) {
      symlinkSync(`..data/${file}`, join(mounted, file));
    }
    const gate = await startBuiltGate(t, join(mounted, "revgate.yaml"));
    await swap("..2", open("/b"));
    await untilStatus(gate, "/b", 200);
    rmSync(join(mounted, "..1"), { recursive: true });

    await swap("..3", "routes: [ { path: b } ]");
    await until(async () => (await reloads(gate)).failed !== 0);
    assert.equal((await send(`${gate.url}/b`)).status, 200);
    await swap("..4", open("/c"));
    await untilStatus(gate, "/c", 200);
    assert.equal((await send(`${gate.url}/b`)).status, 401);
  });

  const times = isLong ? 100 : 30;
  it(`fails no request across ${times} reloads, logouts included`, async (t) => {
    const { gate, write, directory, upstream } = await start(t);
    const versions = [
      "log: { requests: none }",
      `${"log: { requests: none }"}\nlimits: { headersTimeout: 9s, maxConnections: 500 }`,
      // Another pool of connections, another verifier, other texts.
      `${"log: { requests: none }"}\nupstream: { url: "${upstream}", connectTimeout: 3s }`,
      `${"log: { requests: none }"}\ntokens: { keys: [ { publicKeyFile: public.pem } ], clockTolerance: 6s }`,
      `${"log: { requests: none }"}\nerrors: { language: zh }\ncors: { preflight: forward }`,
    ];
    let running = true;
    let [answered, ended] = [0, 0];
    const wrong = new Map<string, number>();
    const expect = (what: string, status: number, expected: number) => {
      answered += 1;
      if (status === expected) return;
      const key = `${what}: ${status}`;
      wrong.set(key, (wrong.get(key) ?? 0) + 1);
    };
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    t.after(() => agent.destroy());
    const traffic = Array.from({ length: 12 }, async () => {
      while (running) {
        const headers = { token: makeToken() };
        for (let i = 0; i < 5; i += 1) {
          expect("a request", (await send(`${gate.url}/me`, { headers, agent })).status, 200);
        }
        const logout = await send(`${gate.url}/logout`, { method: "POST", headers, agent });
        expect("a logout", logout.status, 200);
        ended += 1;
        expect("after it", (await send(`${gate.url}/me`, { headers, agent })).status, 401);
      }
    });
    for (let i = 1; i <= times; i += 1) {
      await write(versions[i % versions.length] ?? "");
      gate.child.kill("SIGHUP");
      const before = answered;
      await until(async () => !((await reloads(gate)).ok < i || answered < before + 20));
    }
    running = false;
    await Promise.all(traffic);
    assert.deepEqual([...wrong], []);
    assert.ok(ended > times, `${ended} logouts in ${answered} requests`);
    assert.equal((await reloads(gate)).failed, 0);
    rmSync(join(directory, "revgate.yaml"));
    gate.child.kill("SIGHUP");
    await until(async () => (await reloads(gate)).failed !== 0);
    assert.equal((await send(`${gate.url}/me`, { headers: { token: makeToken() } })).status, 200);
  });
});
