import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { RedisTopology } from "../../src/denylist/redis/client.ts";
import { listenOnLoopback } from "./application.ts";

/** A sentinel that a test speaks for. */
export interface SpokenSentinel {
  readonly topology: RedisTopology;
  /** How many connections hear of another primary. */
  readonly listeners: () => number;
  /** Says nothing of where the primary is from now on; `asked`: how many want to know. */
  hold(): { asked: () => number; answer: () => void; answerOthers: () => void };
  /** Tells all that listen that there is another primary. */
  tellOfAnother(): void;
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const list = (...texts: readonly string[]) => `*${texts.length}\r\n${texts.map(bulk).join("")}`;
const channel = "+switch-master";

/** Starts one, which names the server at a port. */
export async function startSpokenSentinel(t: TestContext, port: number): Promise<SpokenSentinel> {
  const listening = new Set<Socket>();
  let held: (() => void)[] | undefined;
  const primary = list("127.0.0.1", String(port));
  const carryOut = (socket: Socket, [command = "", what = ""]: readonly string[]) => {
    if (command === "subscribe") {
      listening.add(socket);
      socket.write(`*3\r\n${bulk("subscribe")}${bulk(channel)}:1\r\n`);
    } else if (what === "sentinels") socket.write("*0\r\n");
    else if (command !== "sentinel") socket.write("+OK\r\n");
    else if (held === undefined) socket.write(primary);
    else held.push(() => void socket.write(primary));
  };
  const server = createServer((socket) => {
    socket.on("error", () => {}).on("close", () => listening.delete(socket));
    // Clients send each command in one piece.
    socket.on("data", (data) => {
      for (const command of data
        .toString()
        .split(/^\*\d+\r\n/m)
        .slice(1)) {
        const words = [...command.matchAll(/^\$\d+\r\n(.*)\r\n/gm)];
        carryOut(
          socket,
          words.map(([, word = ""]) => word.toLowerCase()),
        );
      }
    });
  });
  const sentinel = { host: "127.0.0.1", port: await listenOnLoopback(t, server) };
  return {
    topology: {
      ...{ kind: "sentinel", primary: "revgate", sentinels: [sentinel], database: 0 },
      ...{ username: undefined, password: undefined },
    },
    listeners: () => listening.size,
    hold() {
      const waiting: (() => void)[] = [];
      held = waiting;
      return {
        asked: () => waiting.length,
        answer() {
          held = undefined;
          for (const tell of waiting) tell();
        },
        answerOthers() {
          held = undefined;
        },
      };
    },
    tellOfAnother() {
      for (const socket of listening) socket.write(list("message", channel, "revgate"));
    },
  };
}
