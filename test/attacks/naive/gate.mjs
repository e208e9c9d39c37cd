/**
 * A gate as it is often written: the token's text on a blacklist, `startsWith` for what is open, and
 * http-proxy for the rest. It is here to be broken: a vector that it withstands proves nothing. JavaScript:
 * it is started twenty times, and tsx would take most of that.
 *
 *     node test/attacks/naive/gate.mjs <upstream> <public key file>
 */
import { readFileSync } from "node:fs";
import { Agent, createServer } from "node:http";
import httpProxy from "http-proxy";
import jsonwebtoken from "jsonwebtoken";

const [upstream = "", keyFile = ""] = process.argv.slice(2);
const publicKey = readFileSync(keyFile, "utf8");
const open = ["/login", "/static", "/reset-password"];
const ending = ["/logout", "/change-password", "/reset-password"];
const blacklist = new Set();
const verified = new Set();

const proxy = httpProxy.createProxyServer({
  target: upstream,
  agent: new Agent({ keepAlive: true, maxSockets: 64 }),
  xfwd: true,
});
proxy.on("proxyRes", (response, request) => {
  const token = String(request.headers["token"]);
  if ((response.statusCode ?? 0) < 300 && ending.includes(request.url ?? "")) blacklist.add(token);
});

const server = createServer((request, response) => {
  const url = request.url ?? "";
  const token = String(request.headers["token"] ?? "");
  process.stdout.write(`${request.method} ${url} ${JSON.stringify(request.headers)}\n`);
  if (!open.some((path) => url.startsWith(path))) {
    try {
      if (blacklist.has(token)) throw new Error("logged out");
      if (!verified.has(token)) jsonwebtoken.verify(token, publicKey);
      verified.add(token);
    } catch (error) {
      response.writeHead(401).end(JSON.stringify({ error: error.message, token }));
      return;
    }
  }
  proxy.web(request, response, {}, (error) => {
    if ("writeHead" in response) response.writeHead(502).end(error.message);
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`listening on ${server.address().port}\n`);
});
