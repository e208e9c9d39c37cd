/** One change of a source that a test should notice. */
export interface Mutant {
  /** Where the changed text begins and ends. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What is exchanged for what. Sources come from esbuild, which writes each operator in one way. */
const exchanges: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/ === | !== /g, (found) => (found === " === " ? " !== " : " === ")],
  [/ < | <= /g, (found) => (found === " < " ? " <= " : " < ")],
  [/ > | >= /g, (found) => (found === " > " ? " >= " : " > ")],
  [/ && | \|\| /g, (found) => (found === " && " ? " || " : " && ")],
  [/ \?\? /g, () => " && "],
  [/ \+ | - /g, (found) => (found === " + " ? " - " : " + ")],
  [/ \* | \/ /g, (found) => (found === " * " ? " / " : " * ")],
  [/\b(?:true|false)\b(?!:)/g, (found) => (found === "true" ? "false" : "true")],
  [/(?<![\w.$]|void )\d+(?![\w.$]|:)/g, (found) => String(Number(found) + 1)],
  [/!(?=[\w(])/g, () => ""],
  [/\.some\(|\.every\(/g, (found) => (found === ".some(" ? ".every(" : ".some(")],
  [/Math\.max\(|Math\.min\(/g, (found) => (found === "Math.max(" ? "Math.min(" : "Math.max(")],
];

/** A call that stands alone on its line: it is left out. Not a declaration, and nothing that returns. */
const lonelyCall = /^ +(?!return\b|throw\b|await import)(?:await )?[\w.#?]+\(.*\);$/gm;

/** All mutants of a source in JavaScript, in the order of the text. */
export function mutantsOf(source: string): Mutant[] {
  const code = withoutTexts(source);
  const exchanged = exchanges.flatMap(([pattern, change]) =>
    [...code.matchAll(pattern)].map(({ 0: found, index }) => ({
      ...{ start: index, end: index + found.length },
      text: change(found),
    })),
  );
  const conditions = [...code.matchAll(/\bif \(/g)].flatMap(({ 0: found, index }) => {
    const open = index + found.length - 1;
    const close = closingOf(code, open);
    if (close === undefined) return [];
    return [{ start: open, end: close + 1, text: `(!${source.slice(open, close + 1)})` }];
  });
  const calls = [...code.matchAll(lonelyCall)].map(({ 0: found, index }) => ({
    ...{ start: index, end: index + found.length, text: "" },
  }));
  return [...exchanged, ...conditions, ...calls].sort((one, other) => one.start - other.start);
}

/** The source with one of its mutants in place. */
export function mutated(source: string, { start, end, text }: Mutant): string {
  return source.slice(0, start) + text + source.slice(end);
}

/** Strings, templates, regular expressions and comments as spaces: what stands in them is not changed. */
function withoutTexts(source: string): string {
  const texts =
    /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|\/\/.*|(?<=[(,=:[!&|?{;] ?|return )\/(?![/*\s])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*|^import .*$|^export \{[\s\S]*?\};$/gm;
  return source.replace(texts, (found) => found.replace(/[^\n]/g, "_"));
}

function closingOf(code: string, open: number): number | undefined {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    if (code[at] === "(") depth += 1;
    if (code[at] === ")") depth -= 1;
    if (depth === 0) return at;
  }
  return undefined;
}
