import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { findProgram } from "../tools/programs.ts";

const read = (file: string) => readFileSync(join(repository, "examples/deploy", file), "utf8");

/** nginx with the example's file, on a free port, in front of a revgate. */
async function startNginx(t: TestContext, gatePort: number, edit = (text: string) => text) {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const own = edit(read("nginx.conf"))
    .replace("server 127.0.0.1:8080;", `server 127.0.0.1:${gatePort};`)
    .replace("listen 80;", `listen 127.0.0.1:${port};`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  const file = join(directory, "nginx.conf");
  writeFileSync(
    file,
    `pid ${directory}/pid;\nerror_log ${directory}/error.log;\nworker_processes 1;\nevents {}\nhttp {\naccess_log off;\n${temporary.join("\n")}\n${own}}\n`,
  );
  const nginx = findProgram(["nginx"]);
  const { status, stderr } = spawnSync(nginx, ["-t", "-c", file], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const child = spawn(nginx, ["-c", file, "-g", "daemon off;"], { stdio: "ignore" });
  const exited = new Promise((resolve) => child.on("exit", resolve));
  t.after(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  const url = `http://127.0.0.1:${port}`;
  await until(() =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  );
  return url;
}

const proxied = "listen: { host: 127.0.0.1, port: 0, trustedProxies: [127.0.0.1] }";

describe("examples/deploy/nginx.conf", () => {
  it("passes on the client's address, the path as it was sent, and uploads", async (t) => {
    const application = await startApplication(t, async (request, response) => {
      let bytes = 0;
      for await (const chunk of request) bytes += (chunk as Buffer).length;
      response.end(String(bytes));
    });
    const gate = await startGate(t, { upstream: application.url, yaml: proxied });
    const url = await startNginx(t, gate.port);
    const headers = { token: makeToken(), "x-forwarded-for": "203.0.113.9", forwarded: "for=x" };
    const body = "x".repeat(3 * 1024 * 1024);
    const reply = await send(`${url}/a%20b/c%3Fd?e=f`, { method: "POST", headers, body });
    assert.equal(reply.text, String(body.length));
    const [seen] = application.seen;
    assert.equal(seen?.url, "/a%20b/c%3Fd?e=f");
    assert.equal(seen?.headers["x-forwarded-for"], "127.0.0.1, 127.0.0.1");
    assert.equal(seen?.headers["x-forwarded-proto"], "http");
    assert.equal(seen?.headers["forwarded"], undefined);

    // What the line on uploads is there for.
    const small = (text: string) => text.replace(/^ *client_max_body_size.*$/m, "");
    const refusing = await startNginx(t, gate.port, small);
    assert.equal((await send(refusing, { method: "POST", headers, body })).status, 413);
  });

  it("passes on logouts, refusals, and WebSockets that end with their token", async (t) => {
    const application = await startApplication(t);
    const sockets = new WebSocketServer({ server: application.server });
    t.after(() => sockets.close());
    const gate = await startGate(t, { upstream: application.url, yaml: proxied });
    const url = await startNginx(t, gate.port);
    const headers = { token: makeToken() };
    const socket = new WebSocket(url.replace("http", "ws"), { headers });
    await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
    const closed = new Promise((resolve) => socket.on("close", resolve));
    assert.equal((await send(`${url}/logout`, { method: "POST", headers })).status, 200);
    await closed;
    const refused = await send(`${url}/me`, { headers });
    assert.deepEqual([refused.status, refused.json["error"]], [401, "token_revoked"]);
  });
});

describe("examples/deploy/revgate.service", () => {
  /** The unit in a folder of its own, with a program that is there. */
  function verify(t: TestContext, edit = (text: string) => text) {
    const directory = temporaryDirectory(t);
    const program = join(directory, "bin/revgate");
    mkdirSync(join(directory, "bin"));
    writeFileSync(program, "#!/bin/sh\n");
    chmodSync(program, 0o755);
    const unit = join(directory, "revgate.service");
    writeFileSync(
      unit,
      edit(read("revgate.service")).replaceAll("/usr/local/bin/revgate", program),
    );
    const args = ["verify", "--man=no", "--recursive-errors=no", unit];
    return spawnSync(findProgram(["systemd-analyze"]), args, { encoding: "utf8" });
  }

  it("has no fault that systemd finds", (t) => {
    const { status, stdout, stderr } = verify(t);
    assert.deepEqual([status, stdout, stderr], [0, "", ""]);
    const wrong = verify(t, (text) => text.replace("Restart=always", "Restart=allways"));
    assert.match(wrong.stderr, /Failed to parse service restart specifier|allways/);
  });
});
