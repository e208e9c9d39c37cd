import { connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { listenOnLoopback } from "./application.ts";

/** A network between two programs, which a test can break. */
export interface Relay {
  readonly port: number;
  /** From now on nothing passes, and nobody is told; what was sent passes later. */
  stall(): void;
  /** Nothing passes on the connections there are, ever again, and nobody is told; new ones are as good as any. */
  strand(): void;
  /** Breaks those connections that are picked, one by one. */
  breakSome(isPicked: () => boolean): void;
  /** Breaks every connection, and accepts none. */
  cut(): void;
  /** Everything passes again. */
  heal(): void;
  /** New connections lead to another port; to several, in turn. */
  leadTo(...ports: number[]): void;
}

/** Starts a relay to a port on loopback; it ends with the test. */
export async function startRelay(t: Pick<TestContext, "after">, to = 0): Promise<Relay> {
  let targets = [to];
  let connections = 0;
  const sockets = new Set<Socket>();
  const stranded = new Set<Socket>();
  let state: "open" | "stalled" | "cut" = "open";
  const server = createServer((near) => {
    if (state === "cut") {
      near.destroy();
      return;
    }
    const far = connect(targets[connections % targets.length] ?? to, "127.0.0.1");
    connections += 1;
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
      if (state === "stalled") one.pause();
    }
  });
  const port = await listenOnLoopback(t, server);
  t.after(() => {
    for (const socket of [...sockets, ...stranded]) socket.destroy();
  });
  return {
    port,
    stall() {
      state = "stalled";
      for (const socket of sockets) socket.pause();
    },
    strand() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
        sockets.delete(socket);
        stranded.add(socket);
      }
    },
    breakSome(isPicked) {
      // Two sockets a connection; the second is gone with the first.
      for (const socket of sockets) if (isPicked()) socket.destroy();
    },
    cut() {
      state = "cut";
      for (const socket of sockets) socket.destroy();
    },
    heal() {
      state = "open";
      for (const socket of sockets) socket.resume();
    },
    leadTo(...next) {
      targets = next;
    },
  };
}
