/** What a team on Express would put together: express-jwt with isRevoked, ioredis, http-proxy-middleware. */
import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import express, { type ErrorRequestHandler } from "express";
import { expressjwt, type Request } from "express-jwt";
import { createProxyMiddleware } from "http-proxy-middleware";
import { Redis } from "ioredis";

const redis = new Redis(process.env["REDIS"] ?? "");
const app = express();
app.set("env", "production");

app.use(
  expressjwt({
    secret: readFileSync(process.env["PUBLIC_KEY"] ?? "", "utf8"),
    algorithms: ["RS256"],
    getToken: (request) => String(request.headers["token"] ?? "") || undefined,
    async isRevoked(_request, token) {
      const { jti } = (token?.payload ?? {}) as { jti?: string };
      return (await redis.exists(`revoked:${jti}`)) === 1;
    },
  }),
);
app.use("/logout", async (request: Request, _response, next) => {
  const { jti, exp = 0 } = request.auth ?? {};
  await redis.set(`revoked:${jti}`, "1", "EX", exp - Math.floor(Date.now() / 1000));
  next();
});
app.use(
  createProxyMiddleware({
    target: process.env["UPSTREAM"] ?? "",
    agent: new Agent({ keepAlive: true, maxSockets: 512 }),
  }),
);
const refuse: ErrorRequestHandler = (error, _request, response, _next) => {
  response.status(401).json({ error: String(error.code) });
};
app.use(refuse);
const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`);
});
