import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import { builtProgram } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

interface Gate {
  readonly url: string;
  readonly adminUrl: string;
  /** Ends it with SIGTERM; resolves with its exit code. */
  end(): Promise<number | null>;
}

/** Starts the built program with this as its standard output. */
async function startWithLog(t: TestContext, output: number): Promise<Gate> {
  const directory = temporaryDirectory(t);
  const application = await startApplication(t, (_request, response) => response.end("ok"));
  writeFileSync(join(directory, "public.pem"), publicPem);
  const [port, adminPort] = [await freePort(), await freePort()];
  const file = join(directory, "revgate.yaml");
  writeFileSync(
    file,
    `listen: { host: 127.0.0.1, port: ${port} }
admin: { host: 127.0.0.1, port: ${adminPort} }
upstream: { url: "${application.url}" }
tokens: { keys: [ { publicKeyFile: public.pem } ] }
routes: [ { path: /logout, methods: [POST], revoke: token } ]
denylist: { dataDir: data }
limits: { drainTimeout: 1s }
log: { requests: all, maxRefusalsPerSecond: 1000000 }
`,
  );
  const child = spawn(process.execPath, [builtProgram, "run", "--config", file], {
    stdio: ["ignore", output, "inherit"],
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  t.after(() => child.kill("SIGKILL"));
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const isUp = () => send(`${adminUrl}/healthz`).then(({ status }) => status === 200);
  await until(async () => {
    assert.equal(child.exitCode, null);
    return isUp().catch(() => false);
  });
  return {
    ...{ url: `http://127.0.0.1:${port}`, adminUrl },
    async end() {
      child.kill("SIGTERM");
      return (await exited)[0];
    },
  };
}

async function dropped({ adminUrl }: Gate): Promise<number> {
  const { text } = await send(`${adminUrl}/metrics`);
  return Number(/^revgate_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
}

/** Its line in the log is 6 KB long, so that few fill a pipe. */
const longPath = `/${"a/".repeat(3000)}`;

describe("a log that can't be written", () => {
  it("stops nothing on a full disk: its lines are dropped and counted", async (t) => {
    const full = openSync("/dev/full", "w");
    t.after(() => closeSync(full));
    const gate = await startWithLog(t, full);
    const before = await dropped(gate);
    assert.ok(before >= 1);
    assert.equal((await send(`${gate.url}/me`)).status, 401);
    assert.equal(await dropped(gate), before + 1);
    assert.equal(await gate.end(), 0);
  });

  it("stops nothing where nobody reads it, and says later how many lines are missing", async (t) => {
    const path = join(temporaryDirectory(t), "log");
    execFileSync("mkfifo", [path]);
    // Open for both: neither waits for the other end.
    const pipe = openSync(path, constants.O_RDWR);
    t.after(() => closeSync(pipe));
    const gate = await startWithLog(t, pipe);
    while ((await dropped(gate)) < 10) {
      const some = Array.from({ length: 50 }, () => send(`${gate.url}${longPath}`));
      for (const { status } of await Promise.all(some)) assert.equal(status, 401);
    }

    const reader = new Socket({ fd: openSync(path, constants.O_RDONLY), writable: false });
    t.after(() => reader.destroy());
    let log = "";
    reader.on("data", (chunk) => {
      log += chunk;
    });
    while (!log.includes("log lines could not be written")) {
      await send(`${gate.url}/me`);
    }
    const line = log.split("\n").find((each) => each.includes("could not be written"));
    const { lines, cause } = JSON.parse(line ?? "") as { lines: number; cause: string };
    assert.ok(lines >= 10 && lines <= (await dropped(gate)));
    assert.equal(cause, "no one reads it");
    assert.equal(await gate.end(), 0);
  });

  it("keeps no process from ending while its reader stands still", async (t) => {
    const path = join(temporaryDirectory(t), "log");
    execFileSync("mkfifo", [path]);
    const pipe = openSync(path, constants.O_RDWR);
    t.after(() => closeSync(pipe));
    const gate = await startWithLog(t, pipe);
    for (let i = 0; i < 60; i += 1) {
      assert.equal((await send(`${gate.url}${longPath}`)).status, 401);
    }
    assert.equal(await gate.end(), 0);
  });

  it("has whole lines in a file, and all of them", async (t) => {
    const path = join(temporaryDirectory(t), "log");
    const file = openSync(path, "w");
    t.after(() => closeSync(file));
    const gate = await startWithLog(t, file);
    for (let i = 0; i < 20; i += 1) await send(`${gate.url}/me`);
    assert.equal(await gate.end(), 0);
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    const outcomes = lines.map((line) => (JSON.parse(line) as { outcome?: string }).outcome);
    assert.equal(outcomes.filter((outcome) => outcome === "token_missing").length, 20);
    assert.match(lines.at(-1) ?? "", /"stopped"/);
  });
});

describe("the log of a refused token", () => {
  it("says why it is invalid, from where it came, and once that it comes again and again", async (t) => {
    const application = await startApplication(t, (_request, response) => response.end());
    const yaml = "listen: { host: 127.0.0.1, port: 0, trustedProxies: [127.0.0.1] }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const ask = async (token: string, from: string) => {
      const headers = { token, "X-Forwarded-For": `192.0.2.66, ${from}` };
      const { json } = await send(`${gate.url}/me`, { headers });
      return json["error"];
    };
    const lines = (pattern: RegExp) =>
      gate
        .logged()
        .split("\n")
        .filter((line) => pattern.test(line));
    const token = makeToken();
    const forged = `${token.slice(0, -9)}AAAAAAAAA`;
    assert.equal(await ask(forged, "198.51.100.7"), "token_invalid");
    const [why, more] = lines(/"the token is invalid"/);
    assert.match(why ?? "", /"level":"debug".*"reason":"signature: not made by any of these keys"/);
    assert.equal(more, undefined);
    assert.match(
      lines(/"token_invalid"/)[0] ?? "",
      /"peer":"127\.0\.0\.1","client":"198\.51\.100\.7"/,
    );

    await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
    for (let i = 0; i < 15; i += 1) assert.equal(await ask(token, "198.51.100.8"), "token_revoked");
    assert.equal(lines(/"outcome":"token_revoked".*"msg":"request"/).length, 10);
    const [again, ...others] = lines(/the same token was refused 10 times/);
    assert.match(again ?? "", /"warn".*"token":"tok:[\w-]{43}".*"client":"198\.51\.100\.8"/);
    assert.deepEqual(others, []);
    // Another token's refusals are written.
    assert.equal(await ask(forged, "198.51.100.9"), "token_invalid");
    assert.equal(lines(/"outcome":"token_invalid".*"client":"198\.51\.100\.9"/).length, 1);
    for (const each of [token, forged]) assert.ok(!gate.logged().includes(each.slice(-40)));
  });
});

describe("a flood of refused requests", () => {
  it("writes the first lines of each outcome, and how many it left out", async (t) => {
    const application = await startApplication(t, (_request, response) => response.end());
    const yaml = "log: { requests: all, maxRefusalsPerSecond: 3 }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const count = (pattern: RegExp) => gate.logged().match(pattern)?.length ?? 0;
    const omitted = () =>
      [...gate.logged().matchAll(/"like":"token_missing","lines":(\d+)/g)].reduce(
        (sum, [, lines]) => sum + Number(lines),
        0,
      );
    const started = performance.now();
    const requests = Array.from({ length: 200 }, () => send(`${gate.url}/me`));
    await Promise.all(requests);
    assert.equal((await send(`${gate.url}/me`, { headers: { token: "garbage" } })).status, 401);
    const written = () => count(/"outcome":"token_missing"/g);
    await until(() => written() + omitted() >= 200);
    assert.equal(written() + omitted(), 200);
    const seconds = Math.ceil((performance.now() - started) / 1000);
    assert.ok(written() <= 3 * (seconds + 1), `${written()} lines in ${seconds} s`);
    assert.equal(count(/"outcome":"token_invalid"/g), 1);
  });
});
