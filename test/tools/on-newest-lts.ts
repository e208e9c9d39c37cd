/** Runs the tests of the folders named on the command line on the newest LTS of Node, fetched where it is not there. */
import { spawn } from "node:child_process";
import { newestNode } from "./newest-node.ts";

const node = newestNode();
const folders = process.argv.slice(2);
const child = spawn(node, ["--import", "tsx", "test/run.ts", ...folders], { stdio: "inherit" });
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
