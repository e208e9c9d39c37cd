import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "../tools/programs.ts";
import { until } from "./until.ts";

const run = promisify(execFile);

/** What h2load says of a run. */
export interface H2loadResult {
  /** Requests with a whole answer. */
  readonly done: number;
  /** Requests whose connection ended first. */
  readonly errored: number;
  /** Answers by the first digit of their status, those that there were. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** Runs h2load; it ends by itself when each request is answered or has failed. */
export async function h2load(args: readonly string[]): Promise<H2loadResult> {
  const { stdout } = await run(findProgram(["h2load"]), args, { maxBuffer: 1 << 26 });
  const count = (what: string) =>
    Number(new RegExp(`(\\d+) ${what}`).exec(stdout)?.[1] ?? Number.NaN);
  const counted = ["2xx", "3xx", "4xx", "5xx"].map((name) => [name, count(name)] as const);
  return {
    done: count("done"),
    errored: count("errored"),
    statuses: Object.fromEntries(counted.filter(([, number]) => number > 0)),
  };
}

/** What wrk says of a run. */
export interface WrkResult {
  /** Errors by kind (connect, read, write, timeout); answers with a status of 400 or more are not among them. */
  readonly errors: Readonly<Record<string, number>>;
  /** What the script counted in its table `seen`. */
  readonly seen: Readonly<Record<string, number>>;
}

/** How often each kind of answer must have come before a run ends by itself. */
const enough = 200;

/** The parts of a script that hand over what its only thread has counted, and note in a file what has come often enough. */
const report = (file: string) => `
seen = {}
function count(what)
  seen[what] = (seen[what] or 0) + 1
  if seen[what] == ${enough} then
    local file = io.open("${file}", "a")
    file:write(what .. "\\n")
    file:close()
  end
end
local threads = {}
setup = function(thread) table.insert(threads, thread) end
done = function(summary)
  for what, number in pairs(threads[1]:get("seen")) do print("seen " .. what .. " " .. number) end
  for kind, number in pairs(summary.errors) do print("error " .. kind .. " " .. number) end
end
`;

interface WrkOptions {
  readonly connections: number;
  readonly url: string;
  /** In Lua; it counts by `count(what)`. */
  readonly script: string;
  /** When to stop: at that, or when so many kinds have been counted often enough. */
  readonly ends: Promise<void> | number;
}

/** Runs wrk on one thread. */
export async function wrk(
  directory: string,
  { connections, url, script, ends }: WrkOptions,
): Promise<WrkResult> {
  const [file, kinds] = [join(directory, "load.lua"), join(directory, "kinds")];
  writeFileSync(file, report(kinds) + script);
  writeFileSync(kinds, "");
  const args = ["-t1", `-c${connections}`, "-d120s", "--timeout", "60s", "-s", file, url];
  const running = run(findProgram(["wrk"]), args, { maxBuffer: 1 << 26 });
  let isOver = false;
  const untilCounted = (count: number) =>
    until(() => isOver || readFileSync(kinds, "utf8").split("\n").length > count);
  (typeof ends === "number" ? untilCounted(ends) : ends).then(
    () => running.child.kill("SIGINT"),
    () => running.child.kill("SIGKILL"),
  );
  const { stdout } = await running.finally(() => {
    isOver = true;
  });
  const pairs = (kind: string) =>
    Object.fromEntries(
      [...stdout.matchAll(new RegExp(`^${kind} (.*) (\\d+)$`, "gm"))].map(
        ([, what = "", number]) => [what, Number(number)] as const,
      ),
    );
  const { status: _, ...errors } = pairs("error");
  return { errors, seen: pairs("seen") };
}
