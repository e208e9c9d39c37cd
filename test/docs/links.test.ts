import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { repository } from "../helpers/program.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");
const pagesIn = (folder: string) =>
  readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));
const pages = [
  ...readdirSync(repository).filter((name) => name.endsWith(".md")),
  ...["docs", "k8s", "examples"].flatMap(pagesIn),
];

/** The anchors that a page has, as GitHub and others make them of its headings. */
function anchorsOf(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function assertIsThere(page: string, path: string, anchor: string | undefined): void {
  const target = path === "" ? page : join(dirname(page), path);
  assert.ok(existsSync(join(repository, target)), `${page}: ${path}`);
  if (anchor !== undefined) assert.ok(anchorsOf(target).includes(anchor), `${page}: #${anchor}`);
}

describe("the documents", () => {
  it("link to files and headings that are there", () => {
    assert.ok(pages.length > 25);
    for (const page of pages) {
      const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)/g)];
      for (const [, path, anchor] of links) assertIsThere(page, path ?? "", anchor);
    }
  });

  it("are all to be found from the list of documents", () => {
    const index = read("docs/README.md");
    for (const page of pages.filter((file) => /^docs\/(?:zh\/)?[\w-]+\.md$/.test(file)))
      assert.ok(page === "docs/README.md" || index.includes(`(${page.slice(5)})`), page);
  });

  it("list every decision once, by topic, and mark those that a later one replaces", () => {
    const lines = read("docs/decisions/README.md").split("\n");
    const notes = readdirSync(join(repository, "docs/decisions")).filter((name) =>
      /^\d/.test(name),
    );
    for (const note of notes) {
      const listed = lines.filter((line) => line.includes(`](${note})`));
      assert.equal(listed.length, 1, `docs/decisions/README.md: a line for ${note}`);
      const replaced = /^\*Superseded|^\*\*Since\*\*.* replaces/m.test(
        read(`docs/decisions/${note}`),
      );
      assert.equal(listed[0]?.includes("superseded"), replaced, `superseded: ${note}`);
    }
  });
});

describe("the pictures", () => {
  const pictures = readdirSync(join(repository, "docs/images")).filter((name) =>
    name.endsWith(".svg"),
  );

  it("are drawn for dark and light, say what they show, and load nothing", () => {
    assert.ok(pictures.length >= 3);
    for (const name of pictures) {
      const text = read(`docs/images/${name}`);
      assert.match(text, /@media \(prefers-color-scheme: dark\)/, name);
      assert.match(text, /<title id="title">[^<]+<\/title>\n<desc id="desc">[^<]+<\/desc>/, name);
      assert.doesNotMatch(text, /<script|href=|url\((?!#)|@import/, name);
    }
  });

  it("are shown in the documents", () => {
    for (const name of pictures)
      assert.ok(read("docs/concepts.md").includes(`(images/${name})`), name);
  });
});
