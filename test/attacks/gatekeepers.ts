import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startGate } from "../helpers/gate.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { publicPem } from "../helpers/tokens.ts";
import type { PlaceGatekeeper } from "./attack.ts";

/** revgate in this process, at its most talkative. */
export const placeRevgate: PlaceGatekeeper = (t, { upstream, yaml = "" }) =>
  startGate(t as TestContext, { upstream, yaml, leavesNothing: true });

/** The naive gate, in a process of its own: some vectors end it. */
export const placeNaive: PlaceGatekeeper = async (t, { upstream }) => {
  const keyFile = join(temporaryDirectory(t), "public.pem");
  writeFileSync(keyFile, publicPem);
  const file = join(repository, "test/attacks/naive/gate.mjs");
  const child = spawn(process.execPath, [file, upstream, keyFile]);
  let output = "";
  t.after(() => child.kill("SIGKILL"));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk.toString("latin1");
    });
  }
  const port = () => Number(/listening on (\d+)/.exec(output)?.[1]);
  while (!(port() > 0)) {
    if (child.exitCode !== null) throw new Error(output);
    await once(child.stdout, "data");
  }
  return { url: `http://127.0.0.1:${port()}`, port: port(), logged: () => output };
};
