import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { findProgram } from "../tools/programs.ts";

const examples = join(repository, "examples/gateways");
const read = (file: string) => readFileSync(join(examples, file), "utf8");

/** A gateway with the example's file, and the ports in it that are the test's. */
interface Gateway {
  readonly name: string;
  /** Writes the configuration; returns the command. */
  configure(directory: string, edit: (text: string) => string): readonly [string, ...string[]];
}

const nginx: Gateway = {
  name: "nginx",
  configure(directory, edit) {
    const file = join(directory, "nginx.conf");
    const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${directory}/${name};`,
    );
    const own = edit(read("nginx.conf"));
    writeFileSync(
      file,
      `pid ${directory}/pid;\nerror_log ${directory}/error.log;\nworker_processes 1;\nevents {}\nhttp {\naccess_log off;\n${folders.join("\n")}\n${own}}\n`,
    );
    return [findProgram(["nginx"]), "-c", file, "-g", "daemon off;"];
  },
};

const caddy: Gateway = {
  name: "Caddy",
  configure(directory, edit) {
    const file = join(directory, "Caddyfile");
    writeFileSync(file, edit(read("Caddyfile")));
    return [findProgram(["caddy"]), "run", "--adapter", "caddyfile", "--config", file];
  },
};

const haproxy: Gateway = {
  name: "HAProxy",
  configure(directory, edit) {
    const file = join(directory, "haproxy.cfg");
    const script = join(directory, "revgate.lua");
    writeFileSync(script, edit(read("revgate.lua")));
    writeFileSync(file, edit(read("haproxy.cfg")).replace("revgate.lua", script));
    return [findProgram(["haproxy"]), "-db", "-f", file];
  },
};

const settings = `
listen: { host: 127.0.0.1, port: 0 }
decisions: { host: 127.0.0.1, port: 0 }
tokens: { keys: [ { publicKeyFile: public.pem } ], from: [ { header: token }, { cookie: session } ], forwardClaims: { sub: X-User-Id } }
errors: { language: zh, html: { redirect: /login } }
`;

async function start(t: TestContext, gateway: Gateway) {
  const application = await startApplication(t, (request, response) => {
    request.resume().on("end", () => response.end("from the application"));
  });
  const gate = await startGate(t, { upstream: application.url, yaml: settings });
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const edit = (text: string) =>
    text
      .replaceAll("127.0.0.1:3000", `127.0.0.1:${application.port}`)
      .replaceAll("127.0.0.1:9095", `127.0.0.1:${gate.decisionsAddress?.port}`)
      .replace("listen 80;", `listen 127.0.0.1:${port};`)
      .replace("bind :80\n", `bind 127.0.0.1:${port}\n`)
      .replace(":80 {", `http://127.0.0.1:${port} {`);
  const [file, ...args] = gateway.configure(directory, edit);
  const env = { ...process.env, HOME: directory, XDG_DATA_HOME: directory };
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said += String(chunk);
    });
  }
  const exited = once(child, "exit");
  t.after(async () => {
    // At once, and nginx's workers with it.
    child.kill("SIGTERM");
    await exited;
  });
  const url = `http://127.0.0.1:${port}`;
  await until(() => {
    assert.equal(child.exitCode, null, said);
    return fetch(url).then(
      () => true,
      () => false,
    );
  });
  return { application, gate, url };
}

for (const gateway of [nginx, caddy, haproxy]) {
  describe(`revgate asked by ${gateway.name}`, () => {
    it("has the same requests pass, and the same refused, in the same words", async (t) => {
      const { application, gate, url } = await start(t, gateway);
      const token = makeToken();
      const body = "x".repeat(10_000);
      const target = "/a%20b?c=d%2Fe";
      const spoofed = { "x-user-id": "root" };
      const respelled = { token, X_User_Id: "root" };
      const passed = await send(url + target, {
        ...{ method: "POST", body },
        headers: { token, ...spoofed },
      });
      assert.deepEqual([passed.status, passed.text], [200, "from the application"]);
      const [seen, ...more] = application.seen;
      assert.deepEqual([seen?.method, seen?.url, more.length], ["POST", target, 0]);
      assert.equal(seen?.headers["x-user-id"], "alice");
      // nginx drops such names; the others would pass it on, and to some applications it is X-User-Id.
      const { status } = await send(url + target, { headers: respelled });
      assert.equal(status, gateway === nginx ? 200 : 400);
      assert.equal(application.seen.at(-1)?.headers["x_user_id"], undefined);
      const { length: reached } = application.seen;
      assert.equal((await send(`${url}/login`, { method: "POST", headers: spoofed })).status, 200);
      assert.equal(
        application.seen.at(-1)?.headers["x-user-id"] ?? "",
        "",
        "nobody on a public route",
      );

      // What clients say of other requests is not believed.
      const claims = { "X-Forwarded-Method": "POST", "X-Forwarded-Uri": "/login" };
      const others = { ...claims, "X-Original-Method": "POST", "X-Original-URL": `${url}/login` };
      const refusals: readonly [string, string, Record<string, string>][] = [
        ["GET", "/me", {}],
        ["GET", "/me", others],
        ["GET", "/me", { token: "a.b.c" }],
        ["GET", "/me", { token, cookie: `session=${makeToken({ jti: "other" })}` }],
        ["POST", "/me;x=/login", {}],
        ["POST", "/login%2f", {}],
        ["GET", "/login", {}],
      ];
      for (const [method, path, headers] of refusals) {
        const asked = await send(url + path, { method, headers });
        const direct = await send(gate.url + path, { method, headers });
        assert.deepEqual([asked.status, asked.text], [direct.status, direct.text], path);
        assert.equal(asked.headers["content-type"]?.split(";")[0], "application/json");
        assert.equal(asked.headers["www-authenticate"], direct.headers["www-authenticate"]);
        assert.equal(asked.headers["cache-control"], "no-store");
      }
      const page = await send(`${url}/me`, { headers: { accept: "text/html" } });
      assert.equal(page.status, 302);
      assert.match(page.headers.location ?? "", /\/login$/);
      assert.equal(application.seen.length, reached + 1);
    });

    it("ends a token at its logout, before the application answers, and refuses if revgate is gone", async (t) => {
      const { application, gate, url } = await start(t, gateway);
      const headers = { token: makeToken() };
      assert.equal((await send(`${url}/me`, { headers })).status, 200);
      const out = await send(`${url}/logout`, { method: "POST", headers, body: "a=b" });
      assert.deepEqual([out.status, out.text], [200, "from the application"]);
      const after = await send(`${url}/me`, { headers });
      assert.deepEqual([after.status, after.json["error"]], [401, "token_revoked"]);
      assert.equal((await send(`${gate.url}/me`, { headers })).status, 401);
      assert.equal(application.seen.length, 2);

      await gate.stop();
      const away = await send(`${url}/me`, { headers: { token: makeToken({ jti: "new" }) } });
      assert.ok(away.status >= 500, `${away.status}`);
      assert.equal(application.seen.length, 2);
    });
  });
}

describe("the examples for gateways", () => {
  it("ask a revgate whose configuration is valid", async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, "jwt-public.pem"), publicPem);
    writeFileSync(join(directory, "revgate.yaml"), read("revgate.yaml"));
    const { settings: loaded } = await loadConfig(join(directory, "revgate.yaml"), {});
    assert.equal(loaded.decisions?.port, 9095);
  });
});
