/** What a team on Fastify would put together: @fastify/jwt with its cache, ioredis with auto-pipelining, @fastify/http-proxy. */
import { readFileSync } from "node:fs";
import httpProxy from "@fastify/http-proxy";
import jwt from "@fastify/jwt";
import { fastify } from "fastify";
import { Redis } from "ioredis";

const redis = new Redis(process.env["REDIS"] ?? "", { enableAutoPipelining: true });
const app = fastify({ forceCloseConnections: true });

await app.register(jwt, {
  secret: { public: readFileSync(process.env["PUBLIC_KEY"] ?? "", "utf8") },
  verify: {
    algorithms: ["RS256"],
    cache: 10_000,
    extractToken: (request) => String(request.headers["token"] ?? ""),
  },
});

await app.register(httpProxy, {
  upstream: process.env["UPSTREAM"] ?? "",
  undici: { connections: 512, pipelining: 1 },
  disableRequestLogging: true,
  async preHandler(request, reply) {
    const claims = await request
      .jwtVerify<{ jti: string; exp: number }>()
      .catch(() => reply.code(401).send({ error: "token_invalid" }));
    if (reply.sent) return;
    if ((await redis.exists(`revoked:${claims.jti}`)) === 1) {
      await reply.code(401).send({ error: "token_revoked" });
      return;
    }
    if (request.url === "/logout") {
      const life = claims.exp - Math.floor(Date.now() / 1000);
      await redis.set(`revoked:${claims.jti}`, "1", "EX", life);
    }
  },
});

await app.listen({ port: 0, host: "127.0.0.1" });
process.stdout.write(`${JSON.stringify(app.server.address())}\n`);
