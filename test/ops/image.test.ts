import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { send } from "../helpers/http.ts";
import { Builder, layBase, trustSettings } from "../helpers/image.ts";
import { freePort } from "../helpers/ports.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";
import { shippedPackages } from "../tools/shipped-packages.ts";

const baseName = /^ARG NODE_IMAGE=(\S+)$/m.exec(
  readFileSync(join(repository, "Dockerfile"), "utf8"),
)?.[1];
const bare = "bare-node:26";

let scratch: string;
let builder: Builder;
let root: string;

const build = (tag: string) =>
  builder.run(
    ...["build", "--no-cache", "--pull-never", "--format=docker", "--timestamp=0"],
    ...[`--build-arg=RUNTIME_IMAGE=localhost/${bare}`, `--tag=${tag}`, repository],
  );

before(() => {
  scratch = mkdtempSync(join(tmpdir(), "revgate-image-"));
  builder = new Builder(join(scratch, "store"));
  const [toBuild, toRun] = ["to-build", "to-run"].map((name) => join(scratch, name)) as [
    string,
    string,
  ];
  layBase(toBuild, { toBuild: true });
  // Node and its libraries: no shell, no npm, nothing to call.
  layBase(toRun, { toBuild: false });
  builder.commit(toBuild, `docker.io/library/${baseName}`, trustSettings());
  builder.commit(toRun, `localhost/${bare}`, []);
  build("revgate:first");
  root = builder.mount("revgate:first");
});
after(() => rmSync(scratch, { recursive: true, force: true }));

interface Inspected {
  readonly Docker: {
    readonly rootfs: { readonly diff_ids: readonly string[] };
    readonly config: {
      readonly User: string;
      readonly Entrypoint: readonly string[];
      readonly Labels: Readonly<Record<string, string>>;
      readonly ExposedPorts: object;
      readonly Healthcheck: { readonly Test: readonly string[] };
    };
  };
}

const inspect = (image: string) =>
  JSON.parse(builder.run("inspect", "--type=image", image)) as Inspected;

/** Runs the image's program as its user, as the first process of its own, on a root that nobody can write. */
async function run(t: TestContext, config: string) {
  const data = temporaryDirectory(t);
  spawnSync("chown", ["10001:10001", data]);
  const etc = temporaryDirectory(t);
  writeFileSync(join(etc, "revgate.yaml"), config);
  writeFileSync(join(etc, "public.pem"), publicPem);
  spawnSync("chmod", ["-R", "a+rX", etc]);
  for (const name of ["etc/revgate", "proc"]) mkdirSync(join(root, name), { recursive: true });
  const script = `
set -e
mount --bind "$1" "$1"
mount --bind "$2" "$1/etc/revgate"
mount --bind "$3" "$1/var/lib/revgate"
mount -t proc proc "$1/proc"
mount -o remount,bind,ro "$1"
root=$1; shift 3
exec chroot --userspec=10001:10001 "$root" "$@"`;
  const { Entrypoint } = inspect("revgate:first").Docker.config;
  const child = spawn(
    "unshare",
    [
      ...["--mount", "--pid", "--fork", "--kill-child", "--propagation=private"],
      ...["sh", "-c", script, "sh", root, etc, data],
      ...[...Entrypoint, "run", "--config", "/etc/revgate/revgate.yaml"],
    ],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", NODE_ENV: "production" },
    },
  );
  t.after(() => child.kill("SIGKILL"));
  const lines: string[] = [];
  const serving = new Promise<void>((resolve, reject) => {
    const output = createInterface({ input: child.stdout });
    output.on("line", (line) => {
      lines.push(line);
      if (line.includes('"msg":"serving"')) resolve();
    });
    output.on("close", () => reject(new Error(`it ended: ${lines.join("\n")}`)));
  });
  await serving;
  // What unshare has forked is the first process in there.
  const [pid = ""] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").split(
    " ",
  );
  return { child, pid: Number(pid), data };
}

describe("the image", () => {
  it("is built from the Dockerfile as it stands, on a base with its name", () => {
    const { config } = inspect("revgate:first").Docker;
    const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    assert.equal(config.User, "10001:10001");
    assert.equal(config.Labels["org.opencontainers.image.version"], version);
    assert.equal(config.Labels["org.opencontainers.image.title"], "revgate");
    assert.deepEqual(Object.keys(config.ExposedPorts).sort(), ["8080/tcp", "9090/tcp"]);
    assert.equal(config.Healthcheck.Test[0], "CMD", "no shell");
  });

  it("is the same when it is built again", () => {
    build("revgate:second");
    const layersOf = (image: string) => inspect(image).Docker.rootfs.diff_ids;
    assert.match(layersOf("revgate:first").join(), /^sha256:[0-9a-f]{64},sha256:/);
    assert.deepEqual(layersOf("revgate:second"), layersOf("revgate:first"));
  });

  it("holds what runs and nothing else, and says what that is", () => {
    assert.deepEqual(readdirSync(join(root, "app")).sort(), [
      ...["LICENSE", "THIRD-PARTY-NOTICES", "dist", "node_modules", "package.json"],
      "sbom.cdx.json",
    ]);
    for (const name of ["typescript", "tsx", "playwright-core"])
      assert.ok(!existsSync(join(root, "app/node_modules", name)), name);
    assert.ok(!existsSync(join(root, "bin/sh")) && !existsSync(join(root, "usr/bin/sh")));
    assert.deepEqual(
      [statSync(join(root, "var/lib/revgate")).uid, statSync(join(root, "app/dist/cli.js")).uid],
      [10001, 0],
    );
    const sbom = JSON.parse(readFileSync(join(root, "app/sbom.cdx.json"), "utf8"));
    assert.equal(sbom.bomFormat, "CycloneDX");
    const listed = sbom.components.map(
      ({ name, version }: Record<string, string>) => `${name}@${version}`,
    );
    const { packages } = JSON.parse(readFileSync(join(repository, "package-lock.json"), "utf8"));
    const shipped = shippedPackages(packages, "image").map(
      ({ name, version }) => `${name}@${version}`,
    );
    assert.deepEqual([...new Set(listed)].sort(), [...new Set(shipped)].sort());
    const notices = readFileSync(join(root, "app/THIRD-PARTY-NOTICES"), "utf8");
    for (const name of shipped) assert.ok(`\n${notices}`.includes(`\n${name} (`), name);
    assert.match(readFileSync(join(root, "app/LICENSE"), "utf8"), /Apache License\s+Version 2\.0/);
  });

  it("serves as a user without rights on a root that is read-only, and drains at SIGTERM as the first process", async (t) => {
    const application = await startApplication(t);
    const [port, adminPort] = [await freePort(), await freePort()];
    const { child, pid, data } = await run(
      t,
      `
listen: { host: 127.0.0.1, port: ${port} }
admin: { host: 127.0.0.1, port: ${adminPort} }
upstream: { url: "${application.url}" }
tokens: { keys: [ { publicKeyFile: public.pem } ] }
routes: [ { path: /logout, revoke: token } ]
`,
    );
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    assert.match(status, /^Uid:\s+10001\s/m);
    assert.match(status, /^NSpid:\s+\d+\s+1$/m);
    const url = `http://127.0.0.1:${port}`;
    const headers = { token: makeToken() };
    assert.equal((await send(`${url}/me`, { headers })).status, 200);
    assert.equal((await send(`${url}/logout`, { method: "POST", headers })).status, 200);
    assert.equal((await send(`${url}/me`, { headers })).status, 401);
    assert.equal((await send(`http://127.0.0.1:${adminPort}/`)).status, 200, "the status page");
    assert.ok(readdirSync(data).includes("journal"));
    assert.match(readFileSync(`/proc/${pid}/mounts`, "utf8"), /^\S+ \/ \S+ ro[, ]/m);

    process.kill(pid, "SIGTERM");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
  });
});
