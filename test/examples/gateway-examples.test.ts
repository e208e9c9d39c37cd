/** The examples for gateways that no package brings: they fit what these publish of their configuration. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { loadEnvoyMessages } from "../helpers/envoy-configuration.ts";
import { type Rendered, unknownFields, validate } from "../helpers/kubernetes.ts";
import { repository } from "../helpers/program.ts";

const folder = join(repository, "examples/gateways");

/** What a file holds, if it is YAML. */
function read(file: string): Rendered[] {
  return parseAllDocuments(readFileSync(join(folder, file), "utf8")).map((document) => {
    assert.deepEqual(document.errors, [], file);
    return document.toJS();
  });
}

/** The same, with one piece of its text replaced. */
function broken(file: string, from: string, to: string): Rendered {
  const text = JSON.stringify(read(file)[0]);
  assert.ok(text.includes(from), from);
  return JSON.parse(text.replace(from, to));
}

const bootstrap = "envoy.config.bootstrap.v3.Bootstrap";
const inAny = "google.protobuf.Any";

describe("the examples for gateways that are not run", () => {
  it("are YAML", () => {
    const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
    assert.ok(files.length >= 9);
    for (const file of files) assert.ok(read(file).length > 0);
  });

  it("fit the messages that Envoy publishes, in every extension that they name", () => {
    const check = loadEnvoyMessages();
    for (const file of ["envoy.yaml", "envoy-ext-proc.yaml"]) {
      assert.deepEqual(check(bootstrap, read(file)[0]), [], file);
    }
    for (const { spec } of read("istio-ext-proc.yaml")) {
      for (const { patch } of spec.configPatches) {
        assert.deepEqual(check(inAny, patch.value.typed_config), []);
      }
    }
    const mistakes = [
      ["failure_mode_allow", "failure_mode_alow", /alow: not in \.envoy\.ext/],
      ['"failure_mode_allow":false', '"failure_mode_allow":"no"', /expected bool, got "no"/],
      ['"message_timeout":"35s"', '"message_timeout":"35"', /expected a duration, got "35"/],
      ['"response_header_mode":"SEND"', '"response_header_mode":"YES"', /one of HeaderSendMode/],
      ["ext_proc.v3.ExternalProcessor", "ext_proc.v3.External", /no message envoy/],
      ['"port_value":9095', '"port_value":"x"', /expected uint32, got "x"/],
      ['"cluster_name":"revgate"', '"cluster":"revgate"', /EnvoyGrpc|cluster_name: required/],
      ['"envoy_grpc":', '"google_grpc":{},"envoy_grpc":', /one of envoy_grpc, google_grpc/],
      ['"prefix":"/"', '"prefx":"/"', /match: one of prefix, path/],
    ] as const;
    for (const [from, to, said] of mistakes) {
      assert.match(check(bootstrap, broken("envoy-ext-proc.yaml", from, to)).join("\n"), said);
    }
  });

  it("fit the schemas that Istio, Traefik and Kubernetes publish, without a field that is unknown", async () => {
    const objects = [
      ...["istio.yaml", "istio-ext-proc.yaml", "traefik-kubernetes.yaml", "ingress-nginx.yaml"],
    ].flatMap(read);
    assert.deepEqual(objects.map(({ kind }) => kind).toSorted(), [
      ...["AuthorizationPolicy", "EnvoyFilter", "Ingress", "Middleware"],
    ]);
    for (const object of objects) await validate(object);
    // Traefik has the same middlewares in its files as in Kubernetes.
    const [{ http }] = read("traefik.yaml") as [Rendered];
    const [middleware] = read("traefik-kubernetes.yaml");
    const inFile = { ...middleware, spec: http.middlewares.revgate };
    await validate(inFile);
    assert.equal(unknownFields([...objects, inFile]), "");
    const misspelt = broken("traefik-kubernetes.yaml", "trustForwardHeader", "trustForwardHeaders");
    assert.match(unknownFields([misspelt]), /trustForwardHeaders/);
  });
});
