/** http-proxy forwarding without any check, with a keep-alive agent. */
import { Agent, createServer } from "node:http";
import httpProxy from "http-proxy";

const proxy = httpProxy.createProxyServer({
  target: process.env["UPSTREAM"] ?? "",
  agent: new Agent({ keepAlive: true, maxSockets: 512 }),
});
const server = createServer((request, response) => proxy.web(request, response));
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`);
});
