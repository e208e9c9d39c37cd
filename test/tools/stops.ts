import { readdirSync, readFileSync } from "node:fs";

const stoppedForMs = { min: 300, max: 2000 };
const everyMs = { min: 200, max: 800 };

/**
 * Stops single processes below one for a moment, at random, as a busy machine does: tests that go by luck fail. Returns
 * what ends that. (Linux only: it reads /proc.)
 */
export function stopAtRandom(root: number): () => void {
  let timer: NodeJS.Timeout;
  let stopped: number | undefined;
  const goOn = () => {
    if (stopped !== undefined) signal(stopped, "SIGCONT");
    stopped = undefined;
    timer = setTimeout(stopOne, between(everyMs));
  };
  const stopOne = () => {
    const pids = processesBelow(root);
    const pid = pids[Math.floor(Math.random() * pids.length)];
    if (pid !== undefined && signal(pid, "SIGSTOP")) stopped = pid;
    timer = setTimeout(goOn, between(stoppedForMs));
  };
  goOn();
  return () => {
    clearTimeout(timer);
    if (stopped !== undefined) signal(stopped, "SIGCONT");
  };
}

function between({ min, max }: { readonly min: number; readonly max: number }): number {
  return min + Math.random() * (max - min);
}

/** False if it has ended. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** Children, and theirs. */
function processesBelow(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const parent = /^\d+$/.test(name) ? parentOf(name) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [...(children.get(root) ?? [])];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function parentOf(pid: string): number | undefined {
  try {
    // The name of the program, in brackets, may hold anything.
    const [, parent] = /\) \S (\d+) [^)]*$/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return Number(parent);
  } catch {
    return undefined;
  }
}
