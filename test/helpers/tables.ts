import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./program.ts";

/** The first cells of a document's table, which is known by the head of its first column. */
export function firstCells(document: string, head: string): string[] {
  const lines = readFileSync(join(repository, document), "utf8").split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  if (start < 0) throw new Error(`${document} has no table of ${head}`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end < 0 ? undefined : end).map((line) => line.split("|")[1]?.trim() ?? "");
}
