import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repository } from "../helpers/program.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");

/** The folders below one that hold code, by their path from it. */
function foldersIn(folder: string): string[] {
  const paths = readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" });
  const code = paths.filter((path) => /\.(?:ts|mjs|js|py|html)$/.test(path) && path.includes("/"));
  return [...new Set(code.map((path) => path.slice(0, path.lastIndexOf("/"))))].sort();
}

const rowsOf = (file: string) =>
  [...read(file).matchAll(/^\| `([\w./-]+)`/gm)].map(([, path = ""]) => path);

describe("docs/architecture.md", () => {
  const page = read("docs/architecture.md");

  it("has a line for every folder of src, and for no other", () => {
    const rows = rowsOf("docs/architecture.md").filter((path) => /^src/.test(path));
    assert.deepEqual(rows.sort(), ["src", ...foldersIn("src").map((path) => `src/${path}`)]);
  });

  it("names files that are there", () => {
    const files = [...page.matchAll(/`((?:src\/)?[\w-]+(?:\/[\w-]+)+\.ts)`/g)].map(
      ([, path = ""]) => path.replace(/^(?:src\/)?/, "src/"),
    );
    assert.ok(files.length > 15, `${files.length}`);
    for (const file of files) assert.ok(existsSync(join(repository, file)), file);
  });
});

describe("test/README.md", () => {
  it("has a line for every folder of test, mirrors of src apart, and for no other", () => {
    const folders = foldersIn("test").filter((path) => !path.startsWith("unit/"));
    assert.deepEqual(rowsOf("test/README.md").sort(), [...folders, "unit"].sort());
  });
});
