import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { listenOnLoopback } from "../helpers/application.ts";

/** What an application does with what it has received on a connection so far. */
export type Script = (socket: Socket, text: string) => void;

/** An application that does, byte by byte, what a vector wants it to do. */
export interface ScriptedApplication {
  readonly url: string;
  /** What it does with the next bytes of every connection. */
  script: Script;
  /** The request lines that arrived. */
  readonly lines: string[];
}

/** A well-behaved answer whose body is the target. */
export const wellBehaved: Script = (socket, text) => {
  if (!text.includes("\r\n\r\n")) return;
  const [, target = ""] = text.split(" ");
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
};

export async function startScriptedApplication(
  t: Pick<TestContext, "after">,
): Promise<ScriptedApplication> {
  const lines: string[] = [];
  const application = { url: "", script: wellBehaved, lines };
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.setNoDelay(true);
    socket.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      lines.push(...(text.match(/^[A-Z]+ \S+(?= HTTP\/1\.1\r)/gm) ?? []));
      application.script(socket, text);
    });
  });
  application.url = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  return application;
}
