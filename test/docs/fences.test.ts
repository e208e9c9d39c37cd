import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

/** The rooms from top to bottom; those of one floor do not import each other. */
const floors: readonly (readonly string[])[] = [
  ["commands"],
  ["app"],
  ["admin", "decisions", "server", "config"],
  ["control", "gateway"],
  ["revocation", "upstream"],
  ["denylist", "token", "node-http"],
  ["http", "platform"],
  ["observability"],
];
const rooms = floors.flat();

const biome = join(repository, "node_modules/.bin/biome");

interface Diagnostic {
  readonly category: string;
  readonly location: { readonly path: unknown };
}

/** What the linter of this repository says of some files, all in one folder, by file. */
function lint(directory: string, files: Readonly<Record<string, string>>): Map<string, string[]> {
  copyFileSync(join(repository, "biome.json"), join(directory, "biome.json"));
  for (const [path, text] of Object.entries(files)) {
    const file = join(directory, path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, text);
  }
  const { stdout, stderr } = spawnSync(
    biome,
    ["lint", "--reporter=json", "--max-diagnostics=none", "--colors=off", "."],
    { cwd: directory, encoding: "utf8" },
  );
  const found = new Map<string, string[]>();
  const report = JSON.parse(stdout || assert.fail(stderr)) as { diagnostics: Diagnostic[] };
  for (const { category, location } of report.diagnostics) {
    const { path } = location;
    const name = typeof path === "string" ? path : (path as { file: string }).file;
    found.set(name, [...(found.get(name) ?? []), category]);
  }
  return found;
}

/** One room's, of another. */
interface Import {
  readonly room: string;
  readonly other: string;
}

/** Whether that is upwards or sideways. */
function isForbidden({ room, other }: Import): boolean {
  const floorOf = (name: string) => floors.findIndex((floor) => floor.includes(name));
  return floorOf(other) <= floorOf(room);
}

const fence = "lint/style/noRestrictedImports";
const module = "/** A. */\nexport const a = 1;\n";
const importing = (path: string) =>
  `import { a } from "${path}";\n\n/** B. */\nexport const b = a;\n`;

describe("the fences", () => {
  it("stand around every room", () => {
    const folders = readdirSync(join(repository, "src"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    assert.deepEqual(
      folders.filter((name) => !rooms.includes(name)),
      [],
    );
  });

  it("let nothing in a room import from above or from beside it, and all below", (t) => {
    const files: Record<string, string> = { "src/cli.ts": module };
    for (const room of rooms) files[`src/${room}/a.ts`] = module;
    const imports = rooms.flatMap((room) =>
      [...rooms, "cli"].filter((other) => other !== room).map((other) => ({ room, other })),
    );
    // Deep in both rooms: a fence has no holes further in.
    const pathOf = ({ room, other }: Import) => `src/${room}/deep/imports-${other}.ts`;
    for (const each of imports) {
      files[pathOf(each)] = importing(
        `../../${each.other === "cli" ? "cli" : `${each.other}/a`}.ts`,
      );
    }
    const found = lint(temporaryDirectory(t), files);
    const caught = imports.filter((each) => found.get(pathOf(each))?.includes(fence));
    assert.deepEqual(caught, imports.filter(isForbidden));
    assert.equal(found.size, caught.length);
  });

  it("let no circle through, of types either", (t) => {
    const found = lint(temporaryDirectory(t), {
      "src/token/one.ts":
        'import type { Two } from "./two.ts";\n\n/** One. */\nexport interface One {\n  readonly two: Two;\n}\n',
      "src/token/two.ts":
        'import type { One } from "./one.ts";\n\n/** Two. */\nexport interface Two {\n  readonly one: One;\n}\n',
      "src/http/three.ts": importing("./four.ts").replace("const b", "const c"),
      "src/http/four.ts":
        'import { c } from "./three.ts";\n\n/** A. */\nexport const a = () => c;\n',
    });
    for (const name of ["token/one.ts", "token/two.ts", "http/three.ts", "http/four.ts"]) {
      assert.deepEqual(found.get(`src/${name}`), ["lint/suspicious/noImportCycles"], name);
    }
  });

  it("have every test draw the same inputs in each run", (t) => {
    const importing = 'import fc from "fast-check";\n\nexport { fc };\n';
    const [helper, test] = ["test/helpers/fast-check.ts", "test/unit/http/lines.test.ts"];
    const found = lint(temporaryDirectory(t), { [helper]: importing, [test]: importing });
    assert.ok(found.get(test)?.includes(fence));
    assert.ok(!found.get(helper)?.includes(fence));
  });
});
