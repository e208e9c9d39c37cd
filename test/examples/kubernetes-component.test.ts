import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { startApplication } from "../helpers/application.ts";
import { startGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { withoutIpv6 } from "../helpers/ipv6.ts";
import { judge, type Rendered, render, tryRender, validate } from "../helpers/kubernetes.ts";
import { repository } from "../helpers/program.ts";
import { makeToken } from "../helpers/tokens.ts";
import { searchPython } from "../tools/python.ts";

const scratch = mkdtempSync(join(tmpdir(), "revgate-component-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const label = { "revgate.io/sidecar": "enabled" };

/** A pod that says everything that a component might be tempted to say. */
const ownPod = {
  terminationGracePeriodSeconds: 120,
  securityContext: { fsGroup: 5000, runAsNonRoot: false },
  restartPolicy: "OnFailure",
  initContainers: [{ name: "migrate", image: "application:1" }],
  containers: [
    { name: "application", image: "application:1", ports: [{ name: "http", containerPort: 3000 }] },
  ],
  volumes: [{ name: "own", emptyDir: {} }],
};
const ownTemplate = {
  metadata: { labels: { app: "a" }, annotations: { own: "kept" } },
  spec: ownPod,
};
const selector = { matchLabels: { app: "a" } };

const object = (apiVersion: string, kind: string, spec: object, labels: object = label) => ({
  ...{ apiVersion, kind },
  metadata: { name: kind.toLowerCase(), labels },
  spec,
});
/** An object of every kind that has pods. */
const kinds = [
  object("apps/v1", "Deployment", { selector, template: ownTemplate }),
  object("apps/v1", "StatefulSet", { serviceName: "s", selector, template: ownTemplate }),
  object("apps/v1", "DaemonSet", { selector, template: ownTemplate }),
  object("apps/v1", "ReplicaSet", { selector, template: ownTemplate }),
  object("batch/v1", "Job", { template: ownTemplate }),
  object("batch/v1", "CronJob", {
    schedule: "0 * * * *",
    jobTemplate: { spec: { template: ownTemplate } },
  }),
  object("v1", "Pod", ownPod),
];
const services = kinds.filter(({ kind }) => !/Job$/.test(kind));

let overlays = 0;
/** A kustomization with these objects and components of `k8s/`. */
function overlay(objects: readonly object[], ...components: readonly string[]): string {
  overlays += 1;
  const folder = join(scratch, String(overlays));
  mkdirSync(folder);
  writeFileSync(
    join(folder, "objects.yaml"),
    objects.map((each) => stringify(each, { aliasDuplicateObjects: false })).join("---\n"),
  );
  const paths = components.map((name) => relative(folder, join(repository, "k8s", name)));
  writeFileSync(
    join(folder, "kustomization.yaml"),
    stringify({ resources: ["objects.yaml"], components: paths }),
  );
  return folder;
}

const templateOf = ({ kind, metadata, spec }: Rendered): Rendered =>
  kind === "Pod"
    ? { metadata, spec }
    : kind === "CronJob"
      ? spec.jobTemplate.spec.template
      : spec.template;
const workloadsIn = (objects: readonly Rendered[]) =>
  objects.filter(({ metadata }) => metadata.labels?.["revgate.io/sidecar"] !== undefined);
const isRevgates = ({ name }: Rendered) => /^revgate(-|$)/.test(name);

/** Takes away what the component may add: what is left must be what the application said. */
function withoutSidecar(workload: Rendered): Rendered {
  const left = structuredClone(workload);
  const { spec, metadata } = templateOf(left);
  for (const list of ["initContainers", "containers", "volumes"])
    spec[list] = spec[list].filter((each: Rendered) => !isRevgates(each));
  delete left.metadata.annotations;
  if (left.kind !== "Pod") delete metadata.labels["revgate.io/sidecar"];
  return left;
}

const workloads = workloadsIn(render(overlay(kinds, "component")));
const plainWorkloads = workloadsIn(render(overlay(services, "component-plain")));

describe("k8s/component, whatever the kind of object", () => {
  it("adds the same sidecar to each, in front, and changes nothing that the application's pod says", async () => {
    assert.equal(workloads.length, kinds.length);
    const sidecars = workloads.map((each) => {
      const [first] = templateOf(each).spec.initContainers;
      return { ...first, volumes: templateOf(each).spec.volumes.filter(isRevgates) };
    });
    for (const each of sidecars) assert.deepEqual(each, sidecars[0]);
    assert.equal(sidecars[0].name, "revgate");
    assert.equal(sidecars[0].restartPolicy, "Always");
    for (const each of workloads) {
      const before = kinds.find(({ kind }) => kind === each.kind);
      assert.deepEqual(withoutSidecar(each), before);
      assert.equal(templateOf(each).metadata.labels["revgate.io/sidecar"], "enabled");
      await validate(each);
    }
  });

  it("does so as a container, too; but not to Jobs, which it would keep from completing", () => {
    assert.equal(plainWorkloads.length, services.length);
    for (const each of plainWorkloads) {
      assert.deepEqual(
        templateOf(each).spec.initContainers.map(({ name }: Rendered) => name),
        ["migrate"],
      );
      const sidecar = templateOf(each).spec.containers.find(isRevgates);
      assert.equal("restartPolicy" in sidecar, false);
      assert.deepEqual(
        withoutSidecar(each),
        kinds.find(({ kind }) => kind === each.kind),
      );
    }
    for (const job of kinds.filter(({ kind }) => /Job$/.test(kind)))
      assert.match(tryRender(overlay([job], "component-plain")).errors, /\/kind failed/);
  });

  it("fails the build where something labelled would get none", () => {
    const rollout = object("argoproj.io/v1alpha1", "Rollout", { template: ownTemplate });
    const { errors } = tryRender(overlay([rollout], "component"));
    assert.match(errors, /revgate\.io~1sidecar-added failed/);
    const other = {
      ...kinds[0],
      metadata: { name: "a", labels: { "revgate.io/sidecar": "true" } },
    };
    assert.match(
      tryRender(overlay([other], "component")).errors,
      /\/metadata\/labels\/revgate\.io~1sidecar failed/,
    );
  });

  it("leaves alone what has no label", () => {
    const [deployment] = kinds;
    const unlabelled = { ...deployment, metadata: { name: "deployment" } };
    const [same] = render(overlay([unlabelled], "component")).filter(
      ({ kind }) => kind === "Deployment",
    );
    assert.deepEqual(same, unlabelled);
  });
});

describe("k8s/istio and k8s/linkerd", () => {
  const objects = render(overlay(services.slice(0, 3), "component", "istio", "linkerd"));
  const named = (kind: string, name: string) =>
    objects.find((each) => each.kind === kind && each.metadata.name === name) ?? assert.fail(name);
  const [client = 0, admin = 0] = templateOf(
    workloadsIn(objects)[0],
  ).spec.initContainers[0].ports.map(({ containerPort }: Rendered) => containerPort);

  it("keep the admin port out of the mesh, beside the pod's own annotations", () => {
    for (const workload of workloadsIn(objects)) {
      const { annotations } = templateOf(workload).metadata;
      assert.equal(annotations["traffic.sidecar.istio.io/excludeInboundPorts"], String(admin));
      assert.equal(annotations["config.linkerd.io/skip-inbound-ports"], String(admin));
      assert.equal(annotations["config.linkerd.io/default-inbound-policy"], "deny");
      assert.equal(annotations["own"], "kept");
    }
  });

  it("let the mesh come to revgate's ports alone, although one port of it carries all", () => {
    const { rules, action } = named("AuthorizationPolicy", "revgate").spec;
    assert.equal(action, "ALLOW");
    assert.deepEqual(
      rules.map(({ to }: Rendered) => to[0].operation.ports),
      [[String(client)], [String(admin)]],
    );
    // Clients come from anywhere, to the admin port nobody does.
    assert.deepEqual(
      rules.map(({ from }: Rendered) => from !== undefined),
      [false, true],
    );
    assert.equal(named("Server", "revgate").spec.port, client);
    const tunnels = ["revgate-istio", "revgate-linkerd"].map(
      (name) => named("NetworkPolicy", name).spec.ingress[0],
    );
    assert.deepEqual(tunnels, [{ ports: [{ port: 15008 }] }, { ports: [{ port: 4143 }] }]);
    for (const name of ["revgate-istio", "revgate-linkerd"])
      assert.deepEqual(named("NetworkPolicy", name).spec.podSelector.matchLabels, label);
  });
});

describe("k8s/admission", () => {
  const [policy, binding] = render(join(repository, "k8s/admission"));

  it("is a policy that the schemas of Kubernetes know, and that is in force", async () => {
    await validate(policy);
    await validate(binding);
    assert.equal(binding.spec.policyName, policy.metadata.name);
    assert.deepEqual(binding.spec.validationActions, ["Deny"]);
    const resources = policy.spec.matchConstraints.resourceRules.flatMap(
      (rule: Rendered) => rule.resources,
    );
    for (const { kind } of kinds) assert.ok(resources.includes(`${kind.toLowerCase()}s`), kind);
  });

  it("refuses what is labelled and has no sidecar, and names it", () => {
    for (const each of kinds)
      assert.match(
        judge(policy, each)[0] ?? "",
        new RegExp(`^${each.kind} .* no container revgate`),
      );
    // The label on the pods alone, which the component does not see.
    const [deployment] = kinds;
    const template = { metadata: { labels: { ...label, app: "a" } }, spec: ownPod };
    const onPods = { ...deployment, metadata: { name: "a" }, spec: { selector, template } };
    assert.equal(judge(policy, onPods).length, 1);
  });

  it("lets pass what the component has made, and what has no label", () => {
    const made = [...workloads, ...plainWorkloads];
    for (const each of made) assert.deepEqual(judge(policy, each), [], each.kind);
    const [deployment] = kinds;
    for (const metadata of [{ name: "a" }, { name: "a", labels: { app: "a" } }])
      assert.deepEqual(judge(policy, { ...deployment, metadata }), []);
    const other = { ...made[0], metadata: { name: "a", labels: { "revgate.io/sidecar": "true" } } };
    assert.match(judge(policy, other)[0] ?? "", /one value: enabled/);
  });
});

describe("probes of an application that listens on loopback", () => {
  it("are commands inside its container, as in k8s/example", async (t) => {
    const [deployment] = readFileSync(join(repository, "k8s/example/application.yaml"), "utf8")
      .split("---\n")
      .map((text) => parse(text));
    const { command } = deployment.spec.template.spec.containers[0].livenessProbe.exec;
    const application = await startApplication(t, (_request, response) => {
      response.writeHead(404).end();
    });
    const [program, ...args] = command.map((part: string) =>
      part.replace("3000", String(application.port)),
    );
    assert.equal(program, "python3");
    const probe = () => promisify(execFile)(searchPython() ?? "python3", args);
    await probe();
    assert.equal(application.seen.length, 1);
    await new Promise((resolve) => application.server.close(resolve));
    await assert.rejects(probe(), /ConnectionRefusedError/);
  });

  it("or go through revgate, which answers 502 while the application does not", async (t) => {
    const readme = readFileSync(join(repository, "k8s/README.md"), "utf8");
    const [, text = ""] = /```yaml\n(livenessProbe:[\s\S]*?)```/.exec(readme) ?? [];
    const [, rule = ""] = /`(\{ path: [^`]*access: public \})`/.exec(readme) ?? [];
    const { livenessProbe } = parse(text);
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url, yaml: `routes: [ ${rule} ]` });
    assert.equal(livenessProbe.httpGet.port, 8080);
    const headers = { "user-agent": "kube-probe/1.33", connection: "close" };
    const probe = async () =>
      (await send(`${gate.url}${livenessProbe.httpGet.path}`, { headers })).status;
    assert.equal(await probe(), 200);
    assert.equal((await send(`${gate.url}/other`, { headers })).status, 401);
    application.server.closeAllConnections();
    await new Promise((resolve) => application.server.close(resolve));
    assert.equal(await probe(), 502);
  });
});

describe("a pod with IPv6 and IPv4", { skip: withoutIpv6 }, () => {
  it("is reached by both, for clients and probes, and tells the application the client's own address", async (t) => {
    const addresses: unknown[] = [];
    const server = createServer((request, response) => {
      addresses.push(request.headers["x-forwarded-for"]);
      response.end("ok");
    });
    await new Promise<void>((resolve) => server.listen(0, "::1", resolve));
    t.after(() => server.close());
    const upstream = `http://[::1]:${(server.address() as AddressInfo).port}`;
    const yaml = `listen: { host: "::", port: 0 }\nadmin: { host: "::", port: 0 }`;
    const gate = await startGate(t, { upstream, yaml });
    await untilReady(gate);
    const headers = { token: makeToken() };
    for (const host of ["127.0.0.1", "[::1]"]) {
      const reply = await send(`http://${host}:${gate.port}/me`, { headers });
      assert.equal(reply.status, 200);
      const { status } = await send(`http://${host}:${gate.adminAddress.port}/readyz`);
      assert.equal(status, 200);
    }
    assert.deepEqual(addresses, ["127.0.0.1", "::1"]);
    await send(`http://[::1]:${gate.port}/logout`, { method: "POST", headers });
    const refused = await send(`${gate.url}/me`, { headers });
    assert.equal(refused.json["error"], "token_revoked");
  });
});
