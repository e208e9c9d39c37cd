import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { parse } from "yaml";
import { loadConfig } from "../../src/config/load.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import {
  copyManifests,
  finderIn,
  type Rendered,
  render,
  unknownFields,
  validate,
} from "../helpers/kubernetes.ts";
import { freePort } from "../helpers/ports.ts";
import { startProgram } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";
import { findProgram } from "../tools/programs.ts";

const scratch = mkdtempSync(join(tmpdir(), "revgate-k8s-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const folder = copyManifests(scratch);
const podOf = (workload: Rendered): Rendered => workload.spec.template.spec;
const containersOf = (pod: Rendered): Rendered[] => [
  ...(pod.initContainers ?? []),
  ...pod.containers,
];
const labelled = { "revgate.io/sidecar": "enabled" };

/** The minimal overlay with the plain component in place of the other, and an init container before. */
function plainOverlay(): string {
  const overlay = join(folder, "plain");
  cpSync(join(folder, "minimal"), overlay, { recursive: true });
  const edit = (file: string, from: RegExp, to: string) => {
    const path = join(overlay, file);
    const text = readFileSync(path, "utf8");
    assert.match(text, from);
    writeFileSync(path, text.replace(from, to));
  };
  edit("kustomization.yaml", /- \.\.\/component$/m, "- ../component-plain");
  edit(
    "application.yaml",
    /^ {6}containers:$/m,
    "      initContainers:\n        - name: migrate\n          image: application:latest\n      containers:",
  );
  return overlay;
}

const overlays = {
  example: render(join(folder, "example")),
  minimal: render(join(folder, "minimal")),
  plain: render(plainOverlay()),
};

for (const [name, objects] of Object.entries(overlays)) {
  describe(`k8s: ${name}`, () => {
    const find = finderIn(objects);
    const deployment = objects.find(({ kind }) => kind === "Deployment");
    const pod = podOf(deployment);
    const sidecar = containersOf(pod).find((container) => container.name === "revgate");
    const portOf = (wanted: string) =>
      sidecar.ports.find((port: Rendered) => port.name === wanted).containerPort;

    it("holds objects that fit their schemas, without a field that is unknown", async () => {
      for (const object of objects) await validate(object);
      // The compiler takes long, so it has a look at this, too.
      const more = name === "example" ? render(join(folder, "admission")) : [];
      assert.equal(unknownFields([...objects, ...more]), "");
    });

    it("gives revgate no rights", () => {
      const { securityContext } = sidecar;
      assert.equal(securityContext.runAsNonRoot, true);
      assert.equal(securityContext.readOnlyRootFilesystem, true);
      assert.equal(securityContext.allowPrivilegeEscalation, false);
      assert.deepEqual(securityContext.capabilities, { drop: ["ALL"] });
      assert.deepEqual(securityContext.seccompProfile, { type: "RuntimeDefault" });
      assert.ok(sidecar.resources.requests && sidecar.resources.limits);
    });

    it("does not make the application wait for itself: the start-up probe is the process's", () => {
      const paths = ["startupProbe", "livenessProbe", "readinessProbe"].map((probe) => {
        assert.equal(sidecar[probe].httpGet.port, "revgate-admin");
        return sidecar[probe].httpGet.path;
      });
      assert.deepEqual(paths, ["/healthz", "/healthz", "/readyz"]);
    });

    it("mounts only volumes that are there, from objects that are there", () => {
      for (const workload of objects.filter(({ spec }) => spec?.template)) {
        assertMountsAreThere(workload);
        for (const [kind, object] of podOf(workload).volumes.flatMap(sourcesOf)) find(kind, object);
      }
    });

    it("leads services to ports that the pods they select have", () => {
      for (const { spec, metadata } of objects.filter(({ kind }) => kind === "Service")) {
        const selected = objects.filter(
          (object) =>
            object.spec?.template && includes(object.spec.template.metadata.labels, spec.selector),
        );
        assert.equal(selected.length, 1, metadata.name);
        const ports = containersOf(podOf(selected[0])).flatMap(({ ports = [] }) => ports);
        for (const { targetPort } of spec.ports)
          assert.ok(
            ports.some((port) => port.name === targetPort),
            targetPort,
          );
      }
      const [clients] = objects.filter(
        ({ kind, spec }) => kind === "Service" && spec.ports[0].name === "http",
      );
      assert.equal(clients.spec.ports[0].targetPort, "revgate");
    });

    it("closes every port but revgate's, and the admin port to all but Prometheus", () => {
      const { spec } = find("NetworkPolicy", "revgate");
      assert.deepEqual(spec.podSelector.matchLabels, labelled);
      assert.ok(includes(deployment.spec.template.metadata.labels, labelled));
      assert.deepEqual(spec.policyTypes, ["Ingress"]);
      const [open, restricted, ...more] = spec.ingress;
      assert.deepEqual(open, { ports: [{ port: portOf("revgate") }] });
      assert.deepEqual(restricted.ports, [{ port: portOf("revgate-admin") }]);
      const [{ podSelector, namespaceSelector }] = restricted.from;
      assert.ok(podSelector.matchLabels && namespaceSelector.matchLabels);
      assert.equal(more.length, 0);
    });

    it("holds a configuration that revgate accepts, and that fits the pod", async (t) => {
      const { settings } = await loadRendered(t, objects);
      assert.equal(settings.listen.port, portOf("revgate"));
      assert.equal(settings.admin.port, portOf("revgate-admin"));
      const mounts = sidecar.volumeMounts.map(({ mountPath }: Rendered) => mountPath);
      assert.ok(mounts.includes(settings.denylist.dataDir));
    });

    it("has time to drain: the hook, then revgate's own limit, within the grace period", async (t) => {
      const { settings } = await loadRendered(t, objects);
      const { command } = sidecar.lifecycle.preStop.exec;
      assert.deepEqual(command.slice(0, 5), [
        ...["node", "/app/dist/cli.js", "drain", "--config", "/etc/revgate/revgate.yaml"],
      ]);
      const hookSeconds = Number(command[command.indexOf("--wait") + 1]);
      const limit = settings.limits.drainTimeout / 1000;
      assert.ok(hookSeconds + limit < pod.terminationGracePeriodSeconds);
      const application = pod.containers.find(
        (container: Rendered) => container.name !== "revgate",
      );
      assert.ok(application.lifecycle.preStop.sleep.seconds >= hookSeconds);
    });
  });
}

describe("k8s/component", () => {
  it("puts revgate beside the application as a native sidecar, and nowhere else", () => {
    const find = finderIn(overlays.example);
    const pod = podOf(find("Deployment", "shop"));
    assert.deepEqual(
      pod.initContainers.map(({ name, restartPolicy }: Rendered) => [name, restartPolicy]),
      [["revgate", "Always"]],
    );
    assert.deepEqual(
      pod.containers.map(({ name }: Rendered) => name),
      ["shop"],
    );
    assert.match(pod.initContainers[0].image, /^revgate:\d/);
    assert.equal(podOf(find("StatefulSet", "revgate-redis")).initContainers, undefined);
  });
});

describe("k8s/component-plain", () => {
  it("makes it a container like the application, and leaves init containers where they are", () => {
    const pod = podOf(finderIn(overlays.plain)("Deployment", "application"));
    const names = (containers: Rendered[]) => containers.map(({ name }) => name);
    assert.deepEqual(names(pod.initContainers), ["migrate"]);
    assert.deepEqual(names(pod.containers).sort(), ["application", "revgate"]);
    const plain = pod.containers.find(({ name }: Rendered) => name === "revgate");
    assert.equal("restartPolicy" in plain, false);
  });
});

describe("k8s/minimal", () => {
  it("keeps the journal on a volume that outlives the pod, with one writer", () => {
    const find = finderIn(overlays.minimal);
    const { spec } = find("Deployment", "application");
    const data = podOf({ spec }).volumes.find(({ name }: Rendered) => name === "revgate-data");
    assert.deepEqual(data, {
      name: "revgate-data",
      persistentVolumeClaim: { claimName: "revgate-data" },
    });
    assert.deepEqual([spec.replicas, spec.strategy.type], [1, "Recreate"]);
  });
});

/** Along what the replicas of a workload are spread, which must be its own. */
function spreadOf({ spec: { template } }: Rendered): string[] {
  const spread: Rendered[] = template.spec.topologySpreadConstraints;
  return spread.map(({ maxSkew, topologyKey, labelSelector }) => {
    assert.equal(maxSkew, 1);
    assert.ok(includes(template.metadata.labels, labelSelector.matchLabels));
    return topologyKey;
  });
}

describe("k8s/example", () => {
  const find = finderIn(overlays.example);

  it("spreads its replicas over nodes and zones", () => {
    const along = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];
    assert.deepEqual(spreadOf(find("Deployment", "shop")), along);
  });

  it("has three replicas, of which a drained node takes one at a time", () => {
    const { spec } = find("Deployment", "shop");
    assert.equal(spec.replicas, 3);
    const budget = find("PodDisruptionBudget", "shop").spec;
    assert.equal(budget.maxUnavailable, 1);
    assert.ok(includes(spec.template.metadata.labels, budget.selector.matchLabels));
  });

  it("changes no name with the configuration, which revgate reloads by itself", () => {
    assert.equal(find("ConfigMap", "revgate-config").metadata.name, "revgate-config");
  });

  it("has Prometheus scrape the admin port of the sidecars by its name", () => {
    const { selector, podMetricsEndpoints } = find("PodMonitor", "revgate").spec;
    assert.deepEqual(selector.matchLabels, labelled);
    const [sidecar] = podOf(find("Deployment", "shop")).initContainers;
    assert.ok(sidecar.ports.some(({ name }: Rendered) => name === podMetricsEndpoints[0].port));
    assert.equal(podMetricsEndpoints[0].path, "/metrics");
  });

  it("brings the alerts, and the dashboard in a ConfigMap of its own", () => {
    const { groups } = find("PrometheusRule", "revgate").spec;
    const rules = readFileSync(join(folder, "monitoring/revgate.rules.yaml"), "utf8");
    assert.deepEqual(groups, parse(rules).groups);
    const { data, metadata } = find("ConfigMap", "revgate-dashboard");
    assert.equal(JSON.parse(data["revgate.json"]).uid, "revgate");
    assert.deepEqual(metadata.labels, { grafana_dashboard: "1" });
  });

  it("lets sidecars alone reach Redis", () => {
    const { spec } = find("NetworkPolicy", "revgate-redis");
    const { labels } = find("StatefulSet", "revgate-redis").spec.template.metadata;
    assert.ok(includes(labels, spec.podSelector.matchLabels));
    assert.deepEqual(spec.ingress, [
      { from: [{ podSelector: { matchLabels: labelled } }], ports: [{ port: 6379 }] },
    ]);
  });

  it("runs a Redis that its sidecars reach by TLS and password, that keeps what it is told, and evicts nothing", async (t) => {
    const [container] = podOf(find("StatefulSet", "revgate-redis")).containers;
    const { port, directory } = await startExampleRedis(t, container.args);
    const application = await startApplication(t);
    const yaml = `
denylist:
  dataDir: data
  redis:
    url: rediss://localhost:${port}
    username: revgate
    passwordFile: ${folder}/example/secrets/redis-password
    caFile: ${folder}/example/secrets/ca.crt
`;
    const gates = [
      await startGate(t, { upstream: application.url, yaml }),
      await startGate(t, { upstream: application.url, yaml }),
    ] as const;
    await Promise.all(gates.map(untilReady));
    const headers = { token: makeToken() };
    const logout = await send(`${gates[0].url}/logout`, { method: "POST", headers });
    assert.equal(logout.status, 200);
    assert.equal((await send(`${gates[1].url}/me`, { headers })).status, 401);
    assert.ok(readdirSync(join(directory, "appendonlydir")).length > 0);
  });

  it("names in its configuration the Redis that it brings, and files of its Secret", async (t) => {
    const { settings } = await loadRendered(t, overlays.example);
    assert.equal(
      settings.denylist.redis?.url,
      `rediss://${find("Service", "revgate-redis").metadata.name}:6379`,
    );
  });
});

describe("k8s/decisions", () => {
  const overlay = join(folder, "asked");
  mkdirSync(overlay);
  writeFileSync(
    join(overlay, "kustomization.yaml"),
    `
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
components: [../decisions]
configMapGenerator:
  - { name: revgate-decisions-config, files: [revgate.yaml] }
  - { name: revgate-keys, files: [public.pem] }
generatorOptions: { disableNameSuffixHash: true }
`,
  );
  writeFileSync(join(overlay, "public.pem"), publicPem);
  writeFileSync(
    join(overlay, "revgate.yaml"),
    `
listen: { host: 127.0.0.1 }
decisions: { gateways: [10.0.0.0/8], question: ext_proc }
tokens: { keys: [ { publicKeyFile: ../revgate-keys/public.pem } ] }
denylist: { dataDir: /var/lib/revgate, redis: { url: "redis://revgate-redis:6379" } }
`,
  );
  const objects = render(overlay);
  const find = finderIn(objects);
  const deployment = find("Deployment", "revgate-decisions");
  const [container] = podOf(deployment).containers;

  it("is a Deployment of revgate alone, which fits its schemas and has no rights", async () => {
    for (const object of objects) await validate(object);
    const { securityContext } = container;
    assert.deepEqual(
      [securityContext.runAsNonRoot, securityContext.readOnlyRootFilesystem],
      [true, true],
    );
    assert.match(container.image, /^revgate:\d/);
    assertMountsAreThere(deployment);
    for (const [kind, name] of podOf(deployment).volumes.flatMap(sourcesOf)) find(kind, name);
    assert.equal(podOf(deployment).containers.length, 1);
  });

  it("is reached by gateways at the port that revgate listens on, and by no others", async (t) => {
    const portOf = (wanted: string) =>
      container.ports.find(({ name }: Rendered) => name === wanted).containerPort;
    const directory = temporaryDirectory(t);
    for (const name of ["revgate", "revgate-keys"]) mkdirSync(join(directory, name));
    const file = join(directory, "revgate/revgate.yaml");
    writeFileSync(file, find("ConfigMap", "revgate-decisions-config").data["revgate.yaml"]);
    writeFileSync(join(directory, "revgate-keys/public.pem"), publicPem);
    const { settings } = await loadConfig(file, {});
    assert.equal(settings.decisions?.port, portOf("revgate-ask"));
    assert.equal(settings.admin.port, portOf("revgate-admin"));
    const { labels } = deployment.spec.template.metadata;
    const { spec: service } = find("Service", "revgate-decisions");
    assert.ok(includes(labels, service.selector));
    const [{ targetPort, appProtocol }] = service.ports;
    assert.deepEqual([targetPort, appProtocol], ["revgate-ask", "kubernetes.io/h2c"]);
    const { spec: policy } = find("NetworkPolicy", "revgate-decisions");
    assert.ok(includes(labels, policy.podSelector.matchLabels));
    const [asked, scraped, ...more] = policy.ingress;
    assert.deepEqual(asked.ports, [{ port: portOf("revgate-ask") }]);
    assert.deepEqual(asked.from[0].podSelector.matchLabels, { "revgate.io/asks": "true" });
    assert.deepEqual(scraped.ports, [{ port: portOf("revgate-admin") }]);
    assert.equal(more.length, 0);
  });

  it("scales by itself over nodes, loses one pod at a time, and has time to drain", () => {
    assert.deepEqual(spreadOf(deployment), ["kubernetes.io/hostname"]);
    const { labels } = deployment.spec.template.metadata;
    const { spec: scaler } = find("HorizontalPodAutoscaler", "revgate-decisions");
    assert.equal(scaler.scaleTargetRef.name, deployment.metadata.name);
    assert.ok(scaler.minReplicas >= 2);
    assert.equal(deployment.spec.replicas, undefined);
    assert.ok(container.resources.requests.cpu, "what the autoscaler measures by");
    const { spec: budget } = find("PodDisruptionBudget", "revgate-decisions");
    assert.equal(budget.maxUnavailable, 1);
    assert.ok(includes(labels, budget.selector.matchLabels));
    const { command } = container.lifecycle.preStop.exec;
    const hookSeconds = Number(command[command.indexOf("--wait") + 1]);
    assert.ok(hookSeconds + 20 < podOf(deployment).terminationGracePeriodSeconds);
  });
});

/** Starts redis-server with the arguments of the rendered container, its mounts and its port moved here. */
async function startExampleRedis(t: TestContext, args: readonly string[]) {
  const directory = temporaryDirectory(t);
  const secrets = join(folder, "example/secrets");
  const port = await freePort();
  const moved = args.map((arg) =>
    arg
      .replace(/^\/etc\/redis\/(?:tls|users)\//, `${secrets}/`)
      .replace(/^\/data$/, directory)
      .replace(/^6379$/, String(port)),
  );
  const program = findProgram(["redis-server", "valkey-server"]);
  await startProgram(t, [program, ...moved, "--bind", "127.0.0.1"], {}, /Ready to accept/);
  return { port, directory };
}

function assertMountsAreThere(workload: Rendered): void {
  const pod = podOf(workload);
  const claims = workload.spec.volumeClaimTemplates ?? [];
  const names = [...pod.volumes, ...claims.map(({ metadata }: Rendered) => metadata)].map(
    ({ name }) => name,
  );
  const mounts = containersOf(pod).flatMap(({ volumeMounts = [] }) => volumeMounts);
  for (const { name } of mounts) assert.ok(names.includes(name), name);
}

/** The objects that a volume needs: kind and name. */
function sourcesOf({ configMap, secret, persistentVolumeClaim }: Rendered): [string, string][] {
  return [
    ...(configMap ? [["ConfigMap", configMap.name]] : []),
    ...(secret && !secret.optional ? [["Secret", secret.secretName]] : []),
    ...(persistentVolumeClaim ? [["PersistentVolumeClaim", persistentVolumeClaim.claimName]] : []),
  ] as [string, string][];
}

/** Loads the rendered configuration from directories as they are mounted. */
async function loadRendered(t: TestContext, objects: readonly Rendered[]) {
  const find = finderIn(objects);
  const directory = temporaryDirectory(t);
  const mount = (name: string, files: Readonly<Record<string, string>>) => {
    mkdirSync(join(directory, name));
    for (const [file, text] of Object.entries(files))
      writeFileSync(join(directory, name, file), text);
  };
  mount("revgate", find("ConfigMap", "revgate-config").data);
  mount("revgate-keys", { "public.pem": publicPem });
  const secrets = objects.find(({ metadata }) => metadata.name.startsWith("revgate-secrets"));
  const decoded = Object.entries<string>(secrets?.data ?? {}).map(
    ([file, text]) => [file, Buffer.from(text, "base64").toString("utf8")] as const,
  );
  mount("revgate-secrets", Object.fromEntries(decoded));
  return loadConfig(join(directory, "revgate/revgate.yaml"), {});
}

function includes(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}
