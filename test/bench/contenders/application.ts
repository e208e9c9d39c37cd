/** The application behind every contender: 1 KiB of JSON, as fast as Node answers. */
import { createServer } from "node:http";

const body = Buffer.from(JSON.stringify({ text: "x".repeat(1013) }));
const headers = ["Content-Type", "application/json", "Content-Length", String(body.length)];

const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, headers);
  response.end(body);
});
// Longer than any of them is without work: not all try again where a connection is closed as they use it.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`);
});
