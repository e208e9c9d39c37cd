import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { classes } from "../attacks/classes/index.ts";
import { repository } from "../helpers/program.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");

describe("docs/security.md", () => {
  it("has a row for every class of attacks, with as many vectors as are tried", () => {
    const rows = classes.map(
      ({ name, advisories, vectors }) =>
        `| ${name} | ${advisories.join(", ")} | ${vectors.length} | withstands all | gives way |`,
    );
    for (const row of rows) assert.ok(read("docs/security.md").includes(`\n${row}\n`), row);
  });
});

describe("the vectors", () => {
  it("each have a name of their own and a source", () => {
    for (const { name, vectors } of classes) {
      const names = vectors.map((vector) => `${vector.name} ${vector.source}`);
      assert.equal(new Set(names).size, names.length, name);
      for (const { source } of vectors) assert.ok(source.length > 3);
    }
  });
});

describe("SECURITY.md", () => {
  it("states how many packages are shipped", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { dev?: boolean; optional?: boolean }>;
    };
    const shipped = Object.entries(packages).filter(
      ([path, { dev, optional }]) => path !== "" && dev !== true && optional !== true,
    );
    assert.ok(
      read("SECURITY.md").includes(`\n${shipped.length} packages are shipped`),
      `${shipped.length}`,
    );
  });
});
