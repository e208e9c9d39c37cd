import { once } from "node:events";
import { createServer } from "node:http";
import type { TestContext } from "node:test";
import { type ClientOptions, WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback } from "./application.ts";
import { startGate } from "./gate.ts";
import { send } from "./http.ts";
import { until } from "./until.ts";

/** An application that greets, and remembers what it is sent; over HTTP it answers with its path as the status. */
async function startGreeter(t: TestContext) {
  const messages: string[] = [];
  const handshakes: string[] = [];
  const server = createServer((request, response) => {
    response.statusCode = Number(request.url?.slice(-3)) || 200;
    response.end("unasked");
  });
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  server.on("upgrade", (request, socket, head) => {
    if (request.url?.includes("?") === true) {
      const status = request.url.slice(-3);
      socket.end(`HTTP/1.1 ${status} Said\r\nContent-Length: 7\r\n\r\nunasked`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      handshakes.push(String(request.headers["sec-websocket-extensions"]));
      accepted.send("greeting");
      accepted.on("message", (data) => {
        messages.push(String(data));
        accepted.send(`heard ${data}`);
      });
    });
  });
  const url = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  return { url, messages, handshakes };
}

/** A gate in front of it, and clients of both. */
export async function startGreetedGate(t: TestContext, routes: string) {
  const application = await startGreeter(t);
  const gate = await startGate(t, { upstream: application.url, yaml: routes });
  const connect = (path: string, options: ClientOptions = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${gate.port}${path}`, options);
    t.after(() => socket.terminate());
    socket.on("error", () => {});
    const heard: string[] = [];
    socket.on("message", (data) => heard.push(String(data)));
    const closed = new Promise<string>((resolve) => {
      socket.on("close", (code, reason) => resolve(`${code} ${reason}`));
    });
    return { socket, heard, closed };
  };
  const open = async (path: string, options: ClientOptions = {}) => {
    const connection = connect(path, options);
    await once(connection.socket, "open");
    // What it says to a stranger is the application's choice: some protocols begin so.
    await until(() => connection.heard[0] === "greeting");
    return connection;
  };
  const logOut = (token: string) =>
    send(`${gate.url}/logout`, { method: "POST", headers: { token } });
  return { application, gate, connect, open, logOut };
}
