import type { CommandIo } from "../io.ts";

/** What a line of the demo is. */
export type Tone = "good" | "bad" | "quiet" | "title";

/** By the codes of ECMA-48: `util.styleText` looks at this process's own streams, not at the command's. */
const codes = { good: [32, 39], bad: [31, 39], quiet: [90, 39], title: [1, 22] } as const;

/** Colours text if standard output is a terminal with colours and `NO_COLOR` is not set. */
export function painter({ stdout, env }: Pick<CommandIo, "stdout" | "env">) {
  const { isTTY } = stdout as { readonly isTTY?: boolean };
  const hasColours = isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  return (tone: Tone, text: string): string => {
    const [on, off] = codes[tone];
    return hasColours ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  };
}
