import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { validate } from "dockerfile-utils";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { repository } from "../helpers/program.ts";

describe("Dockerfile", () => {
  const lines = readFileSync(join(repository, "Dockerfile"), "utf8")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const stage = lines.slice(lines.findLastIndex((line) => line.startsWith("FROM")));
  const only = (instruction: string) => {
    const found = stage.filter((line) => line.startsWith(`${instruction} `));
    assert.equal(found.length, 1, instruction);
    return found[0]?.slice(instruction.length + 1) ?? "";
  };

  it("builds in a stage of its own and leaves development behind", () => {
    assert.equal(lines.filter((line) => line.startsWith("FROM")).length, 2);
    assert.ok(stage.every((line) => !line.startsWith("COPY") || line.includes("--from=build")));
  });

  for (const file of ["Dockerfile", "examples/flask/Dockerfile", "examples/flask-api/Dockerfile"]) {
    it(`of ${file} has no fault that a linter finds`, () => {
      const found = validate(readFileSync(join(repository, file), "utf8"));
      assert.deepEqual(
        found.map(({ message, range }) => `${range.start.line + 1}: ${message}`),
        [],
      );
      assert.equal(validate("FORM node").length > 0, true);
    });
  }

  it("takes packages from another registry if it is told to", () => {
    const [, install = ""] =
      lines.map((line) => /^RUN (npm ci .*)$/.exec(line)).find(Boolean) ?? [];
    const typed = (env: NodeJS.ProcessEnv) =>
      spawnSync("sh", ["-c", `echo ${install}`], { encoding: "utf8", env }).stdout.trim();
    assert.equal(typed({ NPM_REGISTRY: "" }), "npm ci --ignore-scripts");
    const mirror = "https://registry.npmmirror.com/";
    assert.equal(typed({ NPM_REGISTRY: mirror }), `npm ci --ignore-scripts --registry=${mirror}`);
  });

  it("copies what is there", () => {
    const sources = lines
      .filter((line) => line.startsWith("COPY") && !line.includes("--from"))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    assert.ok(sources.length > 3);
    for (const source of sources) assert.ok(existsSync(join(repository, source)), source);
  });

  it("runs as a user without rights, with node as the first process", () => {
    assert.equal(only("USER"), "10001:10001");
    const [program, ...args] = JSON.parse(only("ENTRYPOINT"));
    assert.equal(program, "node");
    assert.deepEqual(args, ["/app/dist/cli.js"]);
    assert.deepEqual(JSON.parse(only("CMD")).slice(0, 2), ["run", "--config"]);
  });

  it("has a health check that tells a serving revgate from none, without curl", async (t) => {
    const [, ...args] = JSON.parse(only("HEALTHCHECK").replace(/^.*CMD /, ""));
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const check = async () => {
      const port = new URL(gate.adminUrl).port;
      const env = { ...process.env, REVGATE_ADMIN_PORT: port };
      const child = spawn(process.execPath, args, { env, stdio: "ignore" });
      return new Promise((resolve) => child.on("exit", resolve));
    };
    assert.equal(await check(), 0);
    await gate.stop();
    assert.equal(await check(), 1);
  });
});
