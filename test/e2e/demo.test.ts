import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { send } from "../helpers/http.ts";
import { repository, runBuilt } from "../helpers/program.ts";
import { until } from "../helpers/until.ts";

/** Runs the demo with --keep as `npm run demo` does, and waits until it has told its story. */
async function keepDemo(t: TestContext) {
  const { scripts } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
  const [program = "", ...args] = String(scripts.demo).split(" ");
  const file = join(repository, "node_modules/.bin", program);
  const child = spawn(file, [...args, "--keep"], { cwd: repository });
  const exited = once(child, "exit");
  const closed = once(child, "close");
  t.after(() => child.kill("SIGINT"));
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      output += chunk;
    });
  await until(() => output.includes("Ctrl-C ends everything.") || child.exitCode !== null);
  const end = async () => {
    child.kill("SIGINT");
    const [code] = await exited;
    await closed;
    return code;
  };
  return { output, end };
}

describe("revgate demo", () => {
  it("shows two sidecars, a WebSocket that is cut and a changed password, and keeps all running", async (t) => {
    const { output, end } = await keepDemo(t);
    assert.equal(output.match(/^✓/gm)?.length, 15, output);
    assert.doesNotMatch(output, /^✗/m);
    assert.match(output, /^✓ she logs out at the first sidecar$/m);
    assert.match(output, /^✓ the same call again at the second sidecar\n.*\n.*\n {2}< 401 /m);
    assert.match(output, /^ {2}< close 4401 token_revoked$/m);
    assert.match(output, /^ {2}revgate_requests_total\{outcome="token_revoked"\} 1$/m);
    const shown = /```text\n(✓[\s\S]*?)```/.exec(
      readFileSync(join(repository, "README.md"), "utf8"),
    );
    const lines = shown?.[1]?.trim().split("\n") ?? [];
    assert.ok(lines.length >= 6, "the README shows what it prints");
    for (const line of lines) assert.ok(output.includes(`\n${line}\n`), line);
    const [, table = ""] = output.split("Everything is still running:");
    const addresses = [...table.matchAll(/^ {2}\s*([a-zA-Z0-9 ]+?) {2,}(\S+)$/gm)];
    assert.deepEqual(
      addresses.map(([, name]) => name),
      [
        "application",
        ...["sidecar 1", "status page", "metrics", "sidecar 2", "status page", "metrics"],
        "Redis",
      ],
    );
    const statuses = addresses.flatMap(([, , url = ""]) =>
      url.startsWith("http:") ? send(url).then(({ status }) => status) : [],
    );
    assert.deepEqual(await Promise.all(statuses), [404, 401, 200, 200, 401, 200, 200]);
    assert.equal(await end(), 0);
    for (const [, , url = ""] of addresses) {
      await assert.rejects(send(url.replace("redis:", "http:")), { code: "ECONNREFUSED" });
    }
  });

  it("needs nothing but Node: without a Redis it shows one sidecar, and says so", async () => {
    const { code, stdout, stderr } = await runBuilt(["demo"], { env: { PATH: "/nowhere" } });
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stdout.match(/^✓/gm)?.length, 15);
    assert.match(stdout, /^With redis-server or valkey-server on the PATH, two sidecars share/m);
    assert.doesNotMatch(stdout, /second sidecar/);
  });
});
