import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repository } from "../helpers/program.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");

/** The folders below one that hold code, by their path from it. */
function foldersIn(folder: string): string[] {
  const paths = readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" });
  const code = paths.filter(
    (path) => /\.(?:ts|mjs|js|py|html|proto)$/.test(path) && path.includes("/"),
  );
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

/** What a reader must find by the table, and what the file that it leads to has of it. */
const changes: readonly (readonly [change: string, file: string, has: RegExp])[] = [
  ["a claim must be checked", "src/token/claim-checks.ts", /\bclaimChecks\b/],
  ["Redis needs another command", "src/denylist/redis/scripts.ts", /redis\.call\(/],
  ["Redis needs another command", "src/denylist/redis/commands.ts", /"hgetall"/],
  ["a header must be stripped", "src/upstream/request-headers.ts", /isHopByHop|isForwardingClaim/],
  ["a new metric", "src/observability/metrics/requests.ts", /revgate_requests_total/],
  ["a refusal's text", "src/gateway/refusals.ts", /en: "Token is missing\."/],
];

describe("the table of what to change where", () => {
  const rows = read("docs/architecture.md")
    .split("\n")
    .filter((line) => line.startsWith("| "));

  for (const [change, file, has] of changes) {
    it(`leads whoever asks for "${change}" to ${file}, where it is`, () => {
      const row = rows.find((line) => line.startsWith(`| ${change}`));
      assert.ok(row?.includes(`\`${file}\``), row);
      assert.match(read(file), has);
    });
  }
});

describe("the tests of single files", () => {
  const beyond = /from "node:(?:fs|fs\/promises|child_process|https?|net|tls|dgram|http2)"/;
  const helpers =
    /helpers\/(?:application|command|gate|http|program|redis|relay|store|temporary)\.ts"/;

  it("use no socket and no disk", () => {
    const files = readdirSync(join(repository, "test/unit"), {
      recursive: true,
      encoding: "utf8",
    }).filter((name) => name.endsWith(".ts"));
    assert.ok(files.length > 40, `${files.length}`);
    for (const file of files) {
      // Types alone open nothing; nor do these two, which only look at a text.
      const text = read(`test/unit/${file}`)
        .replace(/^import type [^;]+;/gm, "")
        .replace('import { validateHeaderName, validateHeaderValue } from "node:http";', "");
      assert.doesNotMatch(text, beyond, file);
      assert.doesNotMatch(text, helpers, file);
    }
  });
});

describe("test/README.md", () => {
  it("has a line for every folder of test, mirrors of src apart, and for no other", () => {
    const folders = foldersIn("test").filter((path) => !path.startsWith("unit/"));
    assert.deepEqual(rowsOf("test/README.md").sort(), [...folders, "unit"].sort());
  });
});
