/** Words that docs/style.md rules out in what people read: a word of the field stands for each. */

/** What is ruled out, where it is right all the same, and what to write. */
interface Rule {
  readonly ruledOut: RegExp;
  readonly write: string;
}

const rules: readonly Rule[] = [
  { ruledOut: /\bwho(?:m|s)?ever\b/i, write: "anyone who, a client that" },
  { ruledOut: /\bnobody\b/i, write: "no one, or the actor: no client, no other process" },
  {
    // Of place it is right: behind a proxy, TLS, one name; so it is of clocks and of those that lag.
    ruledOut:
      /(?<!(?:ahead of|falls?|fell|leaves?|far|ms|s ¤) )(?<!\? "ahead of" : ")\bbehind\b(?! (?:an? |the |one |its |it\b|nginx|revgate|TLS|NAT|another|trusted|that of redis))/i,
    write: "after",
  },
  { ruledOut: /\bwhereto\b/i, write: "where" },
  {
    ruledOut:
      /\bwhere (?:there (?:is|are)|no|none|not|several|configured|one (?:is|can)|it (?:can|is not|has|does))\b/i,
    write: "if",
  },
  { ruledOut: /\bfurther (?!down\b)/i, write: "more, another, additional" },
  { ruledOut: /\bmend(?:s|ed|ing)?\b/i, write: "fix, repair" },
  { ruledOut: /\bunder way\b/i, write: "in progress" },
  { ruledOut: /\b(?:taken|takes|take) on\b/i, write: "applied, takes effect" },
  { ruledOut: /\ball the same\b/i, write: "anyway, still" },
  { ruledOut: /(?:^|[.;:] )Who (?!\w+\?)[^?]*$/m, write: "Anyone who, a client that" },
  { ruledOut: /\bstandard (?:value|time-out|limit|file)s?\b/i, write: "default" },
];

/** A sentence with a word that is ruled out. */
export interface Fault {
  readonly line: number;
  readonly text: string;
  readonly write: string;
}

/** Every fault of a text, by its lines. */
export function wordFaults(text: string): Fault[] {
  return text.split("\n").flatMap((line, index) =>
    rules
      .filter(({ ruledOut }) => ruledOut.test(line))
      .map(({ ruledOut, write }) => {
        const at = line.search(ruledOut);
        return { line: index + 1, text: line.slice(Math.max(0, at - 40), at + 40), write };
      }),
  );
}

/** Markdown without its code. */
export function prose(markdown: string): string {
  return (
    markdown
      .replace(/^ *```[\s\S]*?^ *```$/gm, blank)
      .replace(/^ {4,}(?![-*|\d]).*$/gm, "")
      .replace(/`[^`\n]+`/g, "¤")
      .replace(/\]\([^)\s]*\)/g, "]")
      // Names of tests, in tables.
      .replace(/(?<=¤ )"[^"\n]*"/g, "¤")
  );
}

/** The string literals of a source that are sentences, each on its own line of the source. */
export function literals(source: string): string {
  const kept = /\/\*[\s\S]*?\*\/|\/\/.*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g;
  let lines = "";
  let at = 0;
  for (const { 0: found, index } of source.matchAll(kept)) {
    lines += blank(source.slice(at, index));
    at = index + found.length;
    const isText = !found.startsWith("/") && / /.test(found);
    lines += isText ? found.replace(/\$\{[^}]*\}/g, "¤") : blank(found);
  }
  return lines + blank(source.slice(at));
}

/** The comments of a source, each on its own line of the source. */
export function comments(source: string): string {
  const kept = /"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/gm;
  let lines = "";
  let at = 0;
  for (const { 0: found, index } of source.matchAll(kept)) {
    lines += blank(source.slice(at, index));
    at = index + found.length;
    lines += found.startsWith("/") ? found : blank(found);
  }
  return lines + blank(source.slice(at));
}

/** Line breaks alone. */
function blank(text: string): string {
  return text.replace(/[^\n]/g, "");
}
