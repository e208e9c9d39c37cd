import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it, type TestContext } from "node:test";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

function run(cwd: string, program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

const packages = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));

/** Installs the package's tarball in an empty folder. */
function installTarball(t: TestContext): string {
  const directory = temporaryDirectory(t);
  const packing = ["--ignore-scripts", "--pack-destination", directory];
  const packed = run(repository, "npm", "pack", ...packing);
  const tarball = packed.trim().split("\n").at(-1) ?? "";
  const folder = join(directory, "empty");
  mkdirSync(folder);
  const installing = ["--no-audit", "--no-fund", "--prefer-offline"];
  run(folder, "npm", "install", ...installing, join(directory, tarball));
  return folder;
}

describe("the package", () => {
  it("holds what runs, and what one needs beside it, and nothing else", () => {
    const [{ files }] = JSON.parse(
      run(repository, "npm", "pack", "--dry-run", "--json", "--ignore-scripts"),
    ) as [{ files: { path: string; mode: number }[] }];
    const paths = files.map(({ path }) => path);
    const expected = [
      /^dist\/[\w/-]+\.js$/,
      /^dist\/admin\/status-page\/\w+\.(?:html|css|js)$/,
      /^dist\/decisions\/grpc\/proto\/\w+\.proto$/,
      /^LICENSE$/,
      /^examples\/node\/(?:server\.js|README\.md)$/,
      /^(?:README(?:\.zh)?|CHANGELOG)\.md$/,
      /^config\.(?:example\.yaml|schema\.json)$/,
      /^package\.json$/,
    ];
    assert.deepEqual(
      paths.filter((path) => !expected.some((pattern) => pattern.test(path))),
      [],
    );
    for (const pattern of expected)
      assert.ok(
        paths.some((path) => pattern.test(path)),
        String(pattern),
      );
    for (const path of paths.filter((path) => path.startsWith("dist/") && path.endsWith(".js"))) {
      const isAsset = path.includes("/status-page/");
      const source = path.replace(/^dist/, "src").replace(/\.js$/, isAsset ? ".js" : ".ts");
      assert.ok(existsSync(join(repository, source)), `${path} has no source: npm run build`);
    }
  });

  it("works from its tarball in an empty folder", async (t) => {
    const folder = installTarball(t);
    assert.equal(run(folder, "npx", "revgate", "--version").trim(), packages.version);
    assert.match(run(folder, "npx", "revgate", "demo"), /401/);
    const newKey = ["genpkey", "-algorithm", "RSA", "-out", "private.pem"];
    run(folder, "openssl", ...newKey, "-pkeyopt", "rsa_keygen_bits:2048");
    run(folder, "openssl", "pkey", "-in", "private.pem", "-pubout", "-out", "public.pem");
    assert.match(
      run(folder, "npx", "revgate", "init", "--yes"),
      /revgate\.yaml: written, and good/,
    );
    assert.match(run(folder, "npx", "revgate", "check-config"), /good/);

    // OpenTelemetry is an optional peer: without it revgate serves, and says how to add it.
    assert.ok(!existsSync(join(folder, "node_modules/@opentelemetry/sdk-trace-base")));
    writeFileSync(
      join(folder, "traced.yaml"),
      `
listen: { host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0 }
tokens: { keys: [ { publicKeyFile: public.pem } ] }
denylist: { dataDir: data }
`,
    );
    const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
    const child = spawn("node_modules/.bin/revgate", ["run", "--config", "traced.yaml"], {
      ...{ cwd: folder, env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line.includes('"serving"')) break;
    }
    const complaint = lines.find((line) => line.includes("OpenTelemetry"));
    const ofTracing = (name: string) => name.startsWith("@opentelemetry/");
    const peers = Object.keys(packages.peerDependencies);
    for (const name of peers.filter(ofTracing)) {
      assert.ok(complaint?.includes(name), `${name}: ${lines.join("\n")}`);
    }

    // So are the packages of gRPC: without them no gateway that asks by it would be answered.
    appendFileSync(join(folder, "traced.yaml"), "decisions: { question: ext_authz, port: 0 }\n");
    child.kill("SIGKILL");
    const failed = spawnSync("node_modules/.bin/revgate", ["run", "--config", "traced.yaml"], {
      ...{ cwd: folder, encoding: "utf8", timeout: 60_000 },
    });
    assert.equal(failed.status, 2, failed.stdout);
    for (const name of peers.filter((name) => !ofTracing(name))) {
      assert.match(failed.stderr, new RegExp(`npm install .*${name}`));
    }
  });

  it("has one version everywhere", () => {
    const { version } = packages;
    const read = (file: string) => readFileSync(join(repository, file), "utf8");
    assert.match(read("k8s/component/kustomization.yaml"), new RegExp(`newTag: ${version}$`, "m"));
    assert.match(read("Dockerfile"), new RegExp(`image\\.version="${version}"`));
    assert.match(read("CHANGELOG.md"), new RegExp(`^## (?:Unreleased|${version})`, "m"));
  });
});
