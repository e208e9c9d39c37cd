import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repository } from "../helpers/program.ts";

const src = join(repository, "src");
const room = "node-http/";

/** Names that Node does not document: those that begin with an underscore, and those that a parser has. */
const undocumented =
  /(?<=\.|\s|\{)(?:_[a-z]\w+)\b(?=[:;(.]|\s*[}=)]|,)|\bonIncoming\b|\.incoming\b|\.parser\b/g;

const sources = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ name, text: withoutComments(readFileSync(join(src, name), "utf8")) }));

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

const namesIn = (text: string) =>
  new Set([...text.matchAll(undocumented)].map(([name]) => name.replace(".", "")));

describe("what Node does not document", () => {
  it("is named nowhere but in node-http", () => {
    for (const { name, text } of sources.filter(({ name }) => !name.startsWith(room))) {
      assert.deepEqual([...namesIn(text)], [], name);
    }
  });

  it("is in node-http's README, each name with its file", () => {
    const readme = readFileSync(join(src, room, "README.md"), "utf8");
    const rows = readme.split("\n").filter((line) => line.startsWith("| `"));
    for (const { name, text } of sources.filter(({ name }) => name.startsWith(room))) {
      for (const used of namesIn(text)) {
        const row = rows.find(
          (row) => row.includes(`\`${used}\``) && row.includes(name.slice(room.length)),
        );
        assert.ok(row !== undefined, `${used} of ${name} is not in the README`);
      }
    }
    assert.ok(rows.length > 4, "no names found");
  });
});
