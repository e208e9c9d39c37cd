import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, Server, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connectControl } from "../../src/control/control-client.ts";
import { holdDataDir } from "../../src/control/control-socket.ts";
import { startApplication } from "../helpers/application.ts";
import { revgate } from "../helpers/command.ts";
import { startGate, untilReady, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { runBuilt, startBuiltGate } from "../helpers/program.ts";
import { patience, startRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, threeDays } from "../helpers/tokens.ts";

describe("a data directory", () => {
  it("belongs to one process: of several that start at once, one gets it", async (t) => {
    for (let round = 0; round < 10; round += 1) {
      const dataDir = temporaryDirectory(t);
      const attempts = await Promise.allSettled([1, 2, 3, 4].map(() => holdDataDir(dataDir)));
      const held = attempts.filter((attempt) => attempt.status === "fulfilled");
      for (const attempt of attempts) {
        if (attempt.status === "rejected") assert.equal(attempt.reason.code, "data_dir_in_use");
      }
      assert.equal(held.length, 1);
      await held[0]?.value.release();
      await (await holdDataDir(dataDir)).release();
    }
  });

  it("is taken over from a killed process, and refused while one lives", async (t) => {
    const directory = temporaryDirectory(t);
    await writeConfig(directory, "", "http://127.0.0.1:1");
    const config = join(directory, "revgate.yaml");
    const first = await startBuiltGate(t, config);
    const second = await runBuilt(["run", "--config", config]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /data is in use by another revgate/);
    await first.end("SIGKILL");
    assert.ok(existsSync(join(directory, "data/control.sock")));
    const third = await startBuiltGate(t, config);
    assert.equal(await third.end("SIGTERM"), 0);
    assert.equal(existsSync(join(directory, "data/control.sock")), false);
  });

  it("is not taken from a process that is paused, with its socket's backlog full", async (t) => {
    const dataDir = temporaryDirectory(t);
    const path = join(dataDir, "control.sock");
    const script = `require("node:net").createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 },
      () => process.kill(process.pid, "SIGSTOP"))`;
    const paused = spawn(process.execPath, ["-e", script]);
    t.after(() => paused.kill("SIGKILL"));
    // Connections wait in the backlog until there is no room for another one.
    const waiting: Socket[] = [];
    t.after(() => {
      for (const socket of waiting) socket.destroy();
    });
    for (let code = ""; code !== "EAGAIN"; ) {
      code = await new Promise<string>((resolve) => {
        const socket = connect(path, () => resolve("connected"));
        socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
        waiting.push(socket);
      });
    }
    await assert.rejects(holdDataDir(dataDir), { code: "data_dir_in_use" });
  });

  it("is held again when somebody has removed it under the process", async (t) => {
    const dataDir = join(temporaryDirectory(t), "data");
    const hold = await holdDataDir(dataDir);
    t.after(() => hold.release());
    rmSync(dataDir, { recursive: true });
    await hold.renew();
    await assert.rejects(holdDataDir(dataDir), { code: "data_dir_in_use" });
    hold.serve(async function* () {
      yield "here";
    });
    const connection = await connectControl(dataDir);
    for await (const value of connection?.send({}) ?? []) assert.equal(value, "here");
    await hold.renew();
    rmSync(join(dataDir, "control.sock"));
    const other = await holdDataDir(dataDir);
    await assert.rejects(hold.renew(), { code: "data_dir_in_use" });
    await hold.release();
    assert.ok(existsSync(join(dataDir, "control.sock")));
    await other.release();
  });

  it("lets nobody else in: the socket is its owner's alone", async (t) => {
    const dataDir = temporaryDirectory(t);
    const hold = await holdDataDir(dataDir);
    t.after(() => hold.release());
    assert.equal(statSync(join(dataDir, "control.sock")).mode & 0o777, 0o600);
  });

  it("lets nobody else in from the first moment on, under any umask", async (t) => {
    const before = process.umask(0);
    t.after(() => process.umask(before));
    const dataDir = temporaryDirectory(t);
    const modes: number[] = [];
    const socketsIn = (directory: string) =>
      readdirSync(directory)
        .map((name) => statSync(join(directory, name)))
        .filter((found) => found.isSocket());
    const { listen } = Server.prototype;
    // It is there, and takes connections, as soon as `listen` returns.
    t.mock.method(Server.prototype, "listen", function (this: Server, ...args: [string]) {
      const result = listen.apply(this, args);
      modes.push(...socketsIn(dataDir).map(({ mode }) => mode));
      return result.on("listening", () => {
        modes.push(...socketsIn(dataDir).map(({ mode }) => mode));
      });
    });
    const hold = await holdDataDir(dataDir);
    t.after(() => hold.release());
    rmSync(join(dataDir, "control.sock"));
    await hold.renew();
    modes.push(...socketsIn(dataDir).map(({ mode }) => mode));
    assert.ok(modes.length >= 5, `${modes.length}`);
    for (const mode of modes) assert.equal(mode & 0o077, 0, mode.toString(8));
    assert.equal(process.umask(0), 0, "the umask is what it was");
  });

  it("whose path is too long for a socket is refused with the reason", async (t) => {
    const dataDir = join(temporaryDirectory(t), "x".repeat(100));
    await assert.rejects(holdDataDir(dataDir), /too long for a socket/);
  });
});

describe("commands", () => {
  it("end a subject's tokens, a session's, or one by its jti", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const options = { env: { REVGATE_CONFIG: join(gate.directory, "revgate.yaml") } };
    const cases: [string, string, string][] = [
      ["--subject", "carol", makeToken({ sub: "carol" })],
      ["--sid", "s-1", makeToken({ sid: "s-1" })],
      ["--jti", "j-1", makeToken({ jti: "j-1" })],
    ];
    for (const [option, value, token] of cases) {
      assert.equal((await send(`${gate.url}/me`, { headers: { token } })).status, 200);
      const ended = await revgate(["revoke", option, value], options);
      assert.equal(ended.code, 0, ended.stderr);
      assert.match(ended.stdout, /^revoked until \d{4}-\S+: (?:sub|sid|jti):\S{43}$/m);
      assert.equal((await send(`${gate.url}/me`, { headers: { token } })).status, 401, option);
    }
    assert.equal((await send(`${gate.url}/me`, { headers: { token: makeToken() } })).status, 200);
    const both = await revgate(["revoke", "--subject", "a", "--sid", "b"], options);
    assert.equal(both.code, 2);
    assert.match(both.stderr, /expected one of --subject, --sid and --jti/);
    const stranger = await revgate(["revoke", "--subject", "a", "--issuer", "https://x"], options);
    assert.equal(stranger.code, 1);
    assert.match(stranger.stderr, /expected one of the configured issuers/);
  });

  it("revoke, check and list through a running revgate", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const options = { env: { REVGATE_CONFIG: join(gate.directory, "revgate.yaml") } };
    const token = makeToken();
    const other = makeToken();

    const live = await runBuilt(["check"], { ...options, stdin: `${token}\n` });
    assert.equal(live.code, 0);
    assert.match(live.stdout, /^live tok:\S{43} exp \d{4}-/);
    const revoked = await runBuilt(["revoke"], { ...options, stdin: `Bearer ${token}\n` });
    assert.equal(revoked.code, 0, revoked.stderr);
    assert.match(revoked.stdout, /^revoked until /);
    assert.equal((await send(`${gate.url}/me`, { headers: { token } })).status, 401);
    assert.equal((await send(`${gate.url}/me`, { headers: { token: other } })).status, 200);
    const dead = await runBuilt(["check", token], options);
    assert.deepEqual([dead.code, dead.stdout.split(" ")[0]], [1, "revoked"]);
    assert.match(dead.stdout, / \(revoked by tok\)$/m);
    const forged = await runBuilt(["check"], {
      ...options,
      stdin: `${other.slice(0, -9)}AAAAAAAAA`,
    });
    assert.equal(forged.stdout, "invalid (signature: not made by any of these keys)\n");

    const listed = await runBuilt(["list"], options);
    assert.equal(listed.stdout.split("\n").length, 2);
    const [, id] = /tok:(\S{43})/.exec(revoked.stdout) ?? [];
    assert.ok(listed.stdout.startsWith(`tok:${id}  20`));
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /^revgate_revocations_total\{trigger="command",kind="tok"\} 1$/m);
  });

  it("say what they cannot do", async (t) => {
    const directory = temporaryDirectory(t);
    await writeConfig(directory, "", "http://127.0.0.1:1");
    const config = ["--config", join(directory, "revgate.yaml")];
    const forged = await revgate(["revoke", ...config], { input: "a.b.c" });
    assert.deepEqual(
      [forged.code, forged.stderr],
      [
        1,
        "not revoked: the token is not valid, so revgate refuses it anyway (form: not three parts of base64url, of which two are JSON objects)\n",
      ],
    );
    const expired = await revgate(["revoke", ...config], { input: makeToken({ iat: 1, exp: 2 }) });
    assert.match(expired.stdout, /^expired at 1970-\S+: noted, in case/);
    assert.equal((await revgate(["revoke", ...config], { input: "" })).code, 2);
    assert.equal((await revgate(["revoke", "--nonsense"], {})).code, 2);
    assert.equal((await revgate(["revoke", "--config", "/nowhere.yaml"], { input: "a" })).code, 2);
    assert.equal((await revgate(["nonsense"])).code, 2);
    assert.equal((await revgate([])).code, 2);
  });

  it("end a text that some rules take for a token, and say so", async (t) => {
    const application = await startApplication(t);
    const yaml = "routes: [ { path: /api/admin }, { path: /api/*, tokens: opaque } ]";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const options = ["--config", join(gate.directory, "revgate.yaml")];
    const run = (command: string, ...more: string[]) =>
      revgate([command, ...options, ...more], { input: "an opaque key" });
    const status = async (path: string) =>
      (await send(`${gate.url}${path}`, { headers: { token: "an opaque key" } })).status;
    assert.deepEqual(
      [await status("/api/keys"), await status("/api/admin"), await status("/me")],
      [200, 401, 401],
    );
    const refused = await run("revoke");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^not revoked: .*some rules take any text.*--opaque/);
    assert.equal(await status("/api/keys"), 200);
    assert.match((await run("check", "--opaque")).stdout, /^live tok:\S{43}$/m);
    assert.match((await run("revoke", "--opaque")).stdout, /^revoked until /);
    assert.equal(await status("/api/keys"), 401);
    const checked = await run("check", "--opaque");
    assert.deepEqual([checked.code, checked.stdout.split(" ")[0]], [1, "revoked"]);
  });

  it("teach with --help", async () => {
    for (const command of ["run", "check-config", "revoke", "check", "list", "import", "demo"]) {
      const { code, stdout } = await revgate([command, "--help"]);
      assert.equal(code, 0);
      assert.ok(stdout.startsWith(`Usage: revgate ${command}`), stdout);
    }
    const { stdout } = await revgate(["--help"]);
    assert.match(stdout, /Exit codes: 0 done, 1 failed, 2 wrong usage or configuration/);
  });

  it("import an existing blacklist, before revgate has ever run", async (t) => {
    const directory = temporaryDirectory(t);
    const application = await startApplication(t);
    await writeConfig(directory, "", application.url);
    const config = ["--config", join(directory, "revgate.yaml")];
    const [plain, dated, commas] = [makeToken(), makeToken(), makeToken()];
    const [tabs, prefixed, underscored, spared] = [
      makeToken(),
      makeToken(),
      makeToken(),
      makeToken(),
    ];
    const file = join(directory, "token_blacklist.txt");
    writeFileSync(
      file,
      [
        plain,
        `${dated} ${Math.floor(Date.now() / 1000)}`,
        `${commas},${Math.floor(Date.now() / 1000)}`,
        `${tabs}\t2026-11-26 10:15:00`,
        `1) "session:blacklist:${prefixed}"`,
        `bl_${underscored}`,
        "",
        "not-a-token",
        makeToken({ iat: 1, exp: 1 + threeDays }),
        `${spared} ${makeToken()}`,
        makeToken({ exp: undefined }),
        makeToken({ exp: 1e21 }),
        makeToken({ exp: 2 ** 32 - 1 }),
        // No faster than its square, half an hour.
        "a".repeat(1_000_000),
      ].join("\r\n"),
    );
    const tried = await revgate(["import", "--dry-run", ...config, file]);
    assert.equal(tried.stdout, "would import 7, skipped 6 (expired 1, other 5)\n");
    assert.ok(!existsSync(join(directory, "data")));
    const imported = await revgate(["import", ...config, file]);
    assert.equal(imported.code, 0, imported.stderr);
    assert.equal(imported.stdout, "imported 7, skipped 6 (expired 1, other 5)\n");
    assert.deepEqual(imported.stderr.trim().split("\n"), [
      "line 8: not a token",
      "line 9: the token has expired",
      "line 10: more than one token",
      "line 11: the token has no exp",
      "line 12: the token's exp is no date",
      "line 14: not a token",
    ]);

    const gate = await startGate(t, { upstream: application.url, directory });
    for (const token of [plain, dated, commas, tabs, prefixed, underscored]) {
      const reply = await send(`${gate.url}/me`, { headers: { token } });
      assert.equal(reply.json["error"], "token_revoked");
    }
    assert.equal((await send(`${gate.url}/me`, { headers: { token: spared } })).status, 200);
  });

  it("import nothing from a stale blacklist, and end, while revgate runs", async (t) => {
    const gate = await startGate(t, { upstream: (await startApplication(t)).url });
    const config = ["--config", join(gate.directory, "revgate.yaml")];
    const stale = Array.from({ length: 30 }, () => makeToken({ iat: 1, exp: 1 + threeDays }));
    const imported = await revgate(["import", ...config], { input: stale.join("\n") });
    assert.equal(imported.code, 0);
    assert.equal(imported.stdout, "imported 0, skipped 30 (expired 30, other 0)\n");
    assert.match(imported.stderr, /^line 20: .*\nand 10 more lines\n$/m);
  });

  it("import into Redis while no revgate runs: into force at once, or not at all", async (t) => {
    const directory = temporaryDirectory(t);
    const application = await startApplication(t);
    const redis = await startRedis(t);
    const yaml = `denylist:
  dataDir: data
  holdTimeout: 1s
  redis: { url: "${redis.url}", ${patience}, grace: 1s }`;
    await writeConfig(directory, yaml, application.url);
    const config = ["--config", join(directory, "revgate.yaml")];
    const token = makeToken();

    await redis.kill();
    const refused = await revgate(["import", ...config], { input: token });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /redis is not connected.*; nothing was done/);

    await redis.start();
    const patient = yaml.replace("1s", "30s");
    await writeConfig(directory, patient, application.url);
    const imported = await revgate(["import", ...config], { input: token });
    assert.deepEqual(imported, { code: 0, stdout: "imported 1, skipped 0\n", stderr: "" });
    // By another machine's sidecar.
    const gate = await startGate(t, {
      upstream: application.url,
      yaml: patient.replace("dataDir: data", "dataDir: other"),
    });
    await untilReady(gate);
    const reply = await send(`${gate.url}/me`, { headers: { token } });
    assert.equal(reply.json["error"], "token_revoked");
  });

  it("import thousands of tokens through a running revgate, from standard input", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const [header, , signature] = makeToken().split(".");
    const exp = Math.floor(Date.now() / 1000) + threeDays;
    const tokens = Array.from({ length: 2500 }, (_, i) => {
      const payload = Buffer.from(JSON.stringify({ jti: i, exp })).toString("base64url");
      return `${header}.${payload}.${signature}`;
    });
    const config = ["--config", join(gate.directory, "revgate.yaml")];
    const imported = await runBuilt(["import", ...config], { stdin: tokens.join("\n") });
    assert.equal(imported.stdout, "imported 2500, skipped 0\n");
    assert.match((await send(`${gate.adminUrl}/metrics`)).text, /^revgate_denylist_entries 2500$/m);
  });
});
