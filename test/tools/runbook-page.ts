import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./repository.ts";

/**
 * docs/runbook.md as the admin port serves it: a page that loads nothing. Links to other documents, which it does
 * not serve, name their files instead.
 *
 * Throws at Markdown that it does not know, so that nothing is lost on the way.
 */
export function runbookPage(): string {
  const markdown = readFileSync(join(repository, "docs/runbook.md"), "utf8");
  return `<!doctype html>
<!-- Written by npm run docs from docs/runbook.md. -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>revgate: runbook</title>
<style><!--style--></style>
</head>
<body>
<main>
<p><a href="./">Status</a></p>
<article>
${blocksOf(markdown).map(blockOf).join("\n")}
</article>
</main>
</body>
</html>
`;
}

/** Paragraphs, headings, lists, tables and code, as the blank lines between them have it. */
function blocksOf(markdown: string): string[] {
  const blocks: string[] = [];
  for (const block of markdown.trim().split(/\n{2,}/)) {
    const last = blocks.at(-1) ?? "";
    // What is indented below an item belongs to it, and the next item to the same list.
    const [list] = /^(?:- |\d+\. )/.exec(last) ?? [];
    const isContinued =
      list !== undefined &&
      (/^ {2,}\S/.test(block) || (list === "- " ? /^- / : /^\d+\. /).test(block));
    if (isContinued) blocks[blocks.length - 1] = `${last}\n\n${block}`;
    else blocks.push(block);
  }
  return blocks;
}

function blockOf(block: string): string {
  const [, marks, title = ""] = /^(#{1,4}) (.*)$/.exec(block) ?? [];
  if (marks !== undefined) {
    const level = marks.length;
    return `<h${level} id="${slugOf(title)}">${inline(title)}</h${level}>`;
  }
  const [, fenced] = /^```\w*\n([\s\S]*)\n```$/.exec(block) ?? [];
  if (fenced !== undefined) return codeOf(fenced);
  if (/^(?: {4}.*\n?)+$/.test(block)) return codeOf(block.replace(/^ {4}/gm, ""));
  if (block.startsWith("- ")) return listOf("ul", block.split(/\n(?=- )/), /^- /);
  if (/^1\. /.test(block)) return listOf("ol", block.split(/\n(?=\d+\. )/), /^\d+\. /);
  if (block.startsWith("|")) return tableOf(block.split("\n"));
  if (/^(?:[#>]|```|\d+\.|- )|^ {2,}/.test(block)) throw new Error(`docs/runbook.md: ${block}`);
  // A list right after its sentence.
  const [, lead, list] = /^([\s\S]*?)\n((?:- |1\. )[\s\S]*)$/.exec(block) ?? [];
  if (lead !== undefined && list !== undefined) return `${blockOf(lead)}\n${blockOf(list)}`;
  return `<p>${inline(block)}</p>`;
}

function codeOf(text: string): string {
  return `<pre tabindex="0">${escaped(text)}</pre>`;
}

function listOf(name: "ul" | "ol", items: readonly string[], mark: RegExp): string {
  const made = items.map((item) => {
    const [first = "", ...more] = item.trimEnd().replace(mark, "").split("\n\n");
    const rest = more.map((block) => blockOf(block.replace(/^ {2,3}/gm, ""))).join("\n");
    return `<li>${inline(first)}${rest}</li>`;
  });
  return `<${name}>\n${made.join("\n")}\n</${name}>`;
}

function tableOf([head = "", , ...rows]: readonly string[]): string {
  const cells = (line: string, name: string) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => `<${name}>${inline(cell.trim())}</${name}>`)
      .join("");
  const body = rows.map((line) => `<tr>${cells(line, "td")}</tr>`).join("\n");
  return `<table>\n<tr>${cells(head, "th")}</tr>\n${body}\n</table>`;
}

/** What stands in a sentence: code, links, words in bold and in italics. */
function inline(text: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((piece) =>
      piece.startsWith("`")
        ? `<code>${escaped(piece.slice(1, -1).replace(/\s+/g, " "))}</code>`
        : escaped(piece),
    )
    .join("")
    .replace(/\[([^\]]+)\]\(([^)\s]+)\)/g, (_, name: string, target: string) =>
      linkTo(name, target),
    )
    .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
    .replace(/\*([^*]+)\*/g, "<em>$1</em>")
    .replace(/&lt;(https?:[^\s&]+)&gt;/g, "$1");
}

function linkTo(name: string, target: string): string {
  if (target.startsWith("#")) return `<a href="${target}">${name}</a>`;
  if (/^https?:/.test(target)) return `${name} (${target})`;
  const file = join("docs", target.replace(/#.*/, ""));
  return name.replace(/<\/?code>/g, "") === file || name.endsWith(".md")
    ? `<code>${file}</code>`
    : `${name} (<code>${file}</code>)`;
}

/** The name of a heading's link, as GitHub makes it. */
function slugOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
