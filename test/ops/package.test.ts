import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

function run(cwd: string, program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

const packages = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));

describe("the package", () => {
  it("holds what runs, and what one needs beside it, and nothing else", () => {
    const [{ files }] = JSON.parse(
      run(repository, "npm", "pack", "--dry-run", "--json", "--ignore-scripts"),
    ) as [{ files: { path: string; mode: number }[] }];
    const paths = files.map(({ path }) => path);
    const expected = [
      /^dist\/[\w/-]+\.js$/,
      /^dist\/server\/status-page\/\w+\.(?:html|css|js)$/,
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

  it("works from its tarball in an empty folder", (t) => {
    const directory = temporaryDirectory(t);
    const tarball =
      run(repository, "npm", "pack", "--ignore-scripts", "--pack-destination", directory)
        .trim()
        .split("\n")
        .at(-1) ?? "";
    const folder = join(directory, "empty");
    mkdirSync(folder);
    run(
      folder,
      "npm",
      "install",
      "--no-audit",
      "--no-fund",
      "--prefer-offline",
      join(directory, tarball),
    );
    assert.equal(run(folder, "npx", "revgate", "--version").trim(), packages.version);
    assert.match(run(folder, "npx", "revgate", "demo"), /401/);
    run(
      folder,
      "openssl",
      "genpkey",
      "-algorithm",
      "RSA",
      "-pkeyopt",
      "rsa_keygen_bits:2048",
      "-out",
      "private.pem",
    );
    run(folder, "openssl", "pkey", "-in", "private.pem", "-pubout", "-out", "public.pem");
    assert.match(
      run(folder, "npx", "revgate", "init", "--yes"),
      /revgate\.yaml: written, and good/,
    );
    assert.match(run(folder, "npx", "revgate", "check-config"), /good/);
  });

  it("has one version everywhere", () => {
    const { version } = packages;
    const read = (file: string) => readFileSync(join(repository, file), "utf8");
    assert.match(read("k8s/component/kustomization.yaml"), new RegExp(`newTag: ${version}$`, "m"));
    assert.match(read("Dockerfile"), new RegExp(`image\\.version="${version}"`));
    assert.match(read("CHANGELOG.md"), new RegExp(`^## (?:Unreleased|${version})`, "m"));
  });
});
