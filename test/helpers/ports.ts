import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A port for a program that has to be told one, and that keeps it through its restarts.
 *
 * No other call has it while this process lives, in other processes either: it is held over UDP, which such
 * programs do not use. Without that, the port of a server that is down for a moment went to another test.
 *
 * From below those that the system gives to connections, which could have it in between; so is the one for
 * the bus of a Cluster, 10,000 above it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(12_000, 22_000);
    if ((await hold(port)) && (await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

/** Takes a port over UDP until this process ends; resolves to whether nobody had it. */
async function hold(port: number): Promise<boolean> {
  const socket = createSocket("udp4").unref();
  const outcome = once(socket, "listening");
  socket.bind(port, "127.0.0.1");
  try {
    await outcome;
    return true;
  } catch {
    socket.close();
    return false;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
