import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Waits for a line of a program's output; rejects if the program ends without one. */
export async function lineOf(
  child: ChildProcess,
  pattern: RegExp,
): Promise<RegExpExecArray & [string]> {
  if (child.stdout === null) throw new Error("the program has no output to read");
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    lines.on("line", (line) => {
      const match = pattern.exec(line);
      if (match !== null) resolve(match as RegExpExecArray & [string]);
    });
    lines.on("close", () => reject(new Error("the program ended before it was ready")));
  });
}

/** Ends a program, unless it has ended, and waits until it has. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
