import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { repository } from "../helpers/program.ts";
import { listVersions } from "./versions.ts";

/** One line of the table of promises. */
export interface Verdict {
  readonly what: string;
  readonly measured: number;
  /** What is promised; undefined where the figure is there to be read. */
  readonly target?: { readonly most: number } | { readonly least: number };
  readonly digits?: number;
}

/** A table of figures, and what stands above it. */
export interface Figures {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What one measurement has to say. */
export interface Part {
  readonly figures: Figures;
  readonly verdicts: readonly Verdict[];
}

/** A report as Markdown: what is promised first, then the figures. */
export function renderReport(
  parts: readonly Part[],
  { title, column } = { title: "What is promised", column: "promised" },
): string {
  const verdicts = parts.flatMap((part) => part.verdicts);
  const lines = verdicts.map(({ what, measured, target, digits = 2 }) => {
    const promised =
      target === undefined
        ? ""
        : "most" in target
          ? `at most ${target.most}`
          : `at least ${target.least}`;
    return [what, measured.toFixed(digits), promised, verdictOf(measured, target)];
  });
  const promises: Figures = {
    title,
    columns: ["", "measured", column, ""],
    rows: lines,
  };
  const machine = `${cpus()[0]?.model ?? "?"}, ${cpus().length} cores, Node ${process.version}`;
  const tables = [promises, ...parts.map(({ figures }) => figures)].map(renderTable);
  return [`${machine}; ${listVersions()}`, ...tables].join("\n\n");
}

function verdictOf(measured: number, target: Verdict["target"]): string {
  if (target === undefined) return "";
  const holds = "most" in target ? measured <= target.most : measured >= target.least;
  return holds ? "holds" : "missed";
}

function renderTable({ title, columns, rows }: Figures): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = `|${"---|".repeat(columns.length)}`;
  return [`**${title}**`, "", line(columns), rule, ...rows.map(line)].join("\n");
}

/** Puts a report between the marks in a document. */
export function writeReport(document: string, text: string): void {
  const file = join(repository, document);
  const between = /(<!-- figures -->\n)[\s\S]*(<!-- \/figures -->)/;
  writeFileSync(file, readFileSync(file, "utf8").replace(between, `$1\n${text}\n\n$2`));
}
