import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { findExecutable } from "../../platform/executables.ts";
import type { CommandIo } from "../io.ts";
import { lineOf } from "./programs.ts";

const names = ["redis-server", "valkey-server"];

/** The path of a Redis or Valkey server on this machine, or undefined. */
export function findRedis({ env }: Pick<CommandIo, "env">): string | undefined {
  return findExecutable(names, env["PATH"]);
}

/** Starts it on a free port of loopback, with what revgate asks of a Redis; resolves with its address. */
export async function startRedis(
  start: (args: readonly string[]) => ChildProcess,
  directory: string,
): Promise<string> {
  const port = await freePort();
  const child = start([
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""],
    ...["--maxmemory-policy", "noeviction", "--lazyfree-lazy-user-flush", "yes"],
  ]);
  await lineOf(child, /Ready to accept connections/);
  return `redis://127.0.0.1:${port}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
