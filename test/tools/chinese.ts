/** What is wrong with the punctuation of Chinese text in Markdown; code, addresses and names are left out. */

/** A fault, and what to write in place of it. */
interface Rule {
  readonly fault: RegExp;
  readonly remedy: string;
}

const han = "\\p{Script=Han}";
const rules: readonly Rule[] = [
  { fault: new RegExp(`${han} ?[,:;!?]|[,:;!?] ?${han}`, "gu"), remedy: "，：；！？" },
  { fault: new RegExp(`${han} ?\\(|\\(${han}|${han}\\)|\\) ?${han}`, "gu"), remedy: "（）" },
  { fault: new RegExp(`["']${han}|${han}["']`, "gu"), remedy: "“”" },
  { fault: new RegExp(`${han}\\.(?!\\w)`, "gu"), remedy: "。" },
  {
    fault: new RegExp(`[${han}，。；：、）”]\\n *[${han}（“]`, "gu"),
    remedy: "one paragraph, one line",
  },
  {
    fault: new RegExp(`${han}[A-Za-z0-9¤]|[A-Za-z0-9¤]${han}`, "gu"),
    remedy: "a space between Chinese and Latin",
  },
];

/** Every fault, with what stands around it. */
export function chineseFaults(markdown: string): string[] {
  const text = markdown
    .replace(/^ *```[\s\S]*?^ *```$/gm, "")
    .replace(/`[^`\n]+`/g, "¤")
    .replace(/<https?:[^>]*>/g, "¤")
    // Of a link or a picture, its text; the address is no prose.
    .replace(/!?\[([^\]]*)\]\([^)\s]*\)/g, "$1")
    .replace(/\*\*/g, "");
  return rules.flatMap(({ fault, remedy }) =>
    [...text.matchAll(fault)].map(({ index }) => {
      const around = text.slice(Math.max(0, index - 12), index + 14).replaceAll("\n", "⏎");
      return `${around} (${remedy})`;
    }),
  );
}
