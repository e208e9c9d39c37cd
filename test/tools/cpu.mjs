/**
 * Loaded first into each process of `test/run.ts --times`: on exit it notes the CPU time of that process
 * and of the programs that it started, in a file of the folder REVGATE_TEST_CPU.
 *
 * JavaScript: it is loaded as it is.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Clock ticks a second, as Linux counts for programs (proc(5)). */
const ticksPerSecond = 100;

const { NODE_TEST_CONTEXT: context, REVGATE_TEST_CPU: folder } = process.env;
const [, file] = process.argv;

// Not in the runner itself, which hands both on.
if (context !== undefined && folder !== undefined) {
  // Programs that a test starts are counted with it.
  delete process.env.REVGATE_TEST_CPU;
  process.on("exit", () => {
    // Behind the name, which may hold anything: utime, stime, and both of the children that were waited for.
    const [, fields = ""] = readFileSync("/proc/self/stat", "utf8").split(") ");
    const ticks = fields.split(" ").slice(11, 15).map(Number);
    const seconds = ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond;
    writeFileSync(join(folder, String(process.pid)), `${seconds} ${file}`);
  });
}
