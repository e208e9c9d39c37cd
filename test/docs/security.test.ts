import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { classes } from "../attacks/classes/index.ts";
import { repository } from "../helpers/program.ts";
import { shippedPackages } from "../tools/shipped-packages.ts";

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

describe("what is shipped", () => {
  const { packages } = JSON.parse(read("package-lock.json"));

  it("is as many packages as SECURITY.md states", () => {
    const { length } = shippedPackages(packages, "npm");
    const further = shippedPackages(packages, "image").length - length;
    assert.ok(read("SECURITY.md").includes(`\n${length} packages are shipped`), `${length}`);
    assert.ok(read("SECURITY.md").includes(`image has ${further} more`), `${further}`);
  });

  it("has licences that let anybody use and pass it on", () => {
    const permissive = [
      "MIT",
      "ISC",
      "Apache-2.0",
      "BSD-2-Clause",
      "BSD-3-Clause",
      "BlueOak-1.0.0",
    ];
    const others = shippedPackages(packages, "image").filter(
      ({ license }) => !permissive.includes(license),
    );
    assert.deepEqual(others, []);
  });
});

describe("SECURITY.md's threat model", () => {
  const model = read("SECURITY.md");
  const part = model.slice(model.indexOf("## Who is where"), model.indexOf("## What it does not"));
  const actors = part.split(/^### /m).slice(1);

  it("has the six actors, each with rows", () => {
    assert.deepEqual(
      actors.map((actor) => actor.split("\n", 1)[0]),
      [
        "Client",
        "Neighbour pod",
        "Page in the operator's browser",
        "Redis tenant",
        "Identity provider",
        "Local user",
      ],
    );
    for (const actor of actors) assert.match(actor, /^\| [^-t].* \|.*\|.*\|$/m);
  });

  it("names in each row a test that is there", () => {
    const rows = part.split("\n").filter((line) => /^\| (?!tries|-)/.test(line));
    assert.ok(rows.length > 20);
    for (const row of rows) {
      const [, file = "", name = ""] = /\| `(test\/[\w./-]+\.ts)` "(.+)" \|$/.exec(row) ?? [];
      assert.notEqual(name, "", `no test: ${row}`);
      // A name may stand in several string literals, or end in a value.
      const text = read(file).replace(/"\s*\+\s*"/g, "");
      assert.ok(text.includes(name), `${file} has no test "${name}"`);
    }
  });
});
