import type { TestContext } from "node:test";
import { startApplication } from "./application.ts";
import { startGate, type TestGate, writeConfig } from "./gate.ts";
import { send } from "./http.ts";

/** Starts a gate, in the directory of one before if there was one, whose configuration can be replaced. */
export async function startReloading(t: TestContext, yaml: string, directory?: string) {
  const { url: upstream } = await startApplication(t);
  const gate = await startGate(t, {
    upstream,
    yaml,
    ...(directory !== undefined && { directory }),
  });
  const reload = (next: string) => gate.reload(() => writeConfig(gate.directory, next, upstream));
  return { gate, reload };
}

/** The status of the answer to a request with a token. */
export async function statusOf(
  { url }: TestGate,
  token: string,
  [method, path]: readonly [string, string] = ["GET", "/me"],
): Promise<number> {
  return (await send(`${url}${path}`, { method, headers: { token } })).status;
}
