/** The floor: undici forwarding without any check. */
import { createServer } from "node:http";
import { Pool } from "undici";

const pool = new Pool(process.env["UPSTREAM"] ?? "", { connections: 512, bodyTimeout: 0 });

const server = createServer((request, response) => {
  const { method, url, rawHeaders } = request;
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === "connection") continue;
    headers.push(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
  }
  pool.dispatch(
    { path: url ?? "/", method: (method ?? "GET") as "GET", headers },
    {
      onConnect() {},
      onHeaders(status, raw, _resume, reason) {
        const passed = raw
          .map((bytes) => bytes.toString("latin1"))
          .filter((_, i, all) => !/^(?:connection|keep-alive)$/i.test(all[i - (i % 2)] ?? ""));
        response.writeHead(status, reason, passed);
        return true;
      },
      onData: (chunk) => response.write(chunk),
      onComplete: () => void response.end(),
      onError: () => void response.destroy(),
    },
  );
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`);
});
