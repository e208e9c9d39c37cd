// A small application as they are: it hands out RS256 tokens that live for three days, reads them from
// the `token` header, and knows nothing of revocation. Its logout only says that it is one.
//
//   PRIVATE_KEY_FILE=private.pem PUBLIC_KEY_FILE=public.pem PORT=3000 node server.js
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  randomUUID,
  sign,
  verify,
} from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const privateKey = createPrivateKey(readFileSync(process.env.PRIVATE_KEY_FILE ?? "private.pem"));
const publicKey = createPublicKey(readFileSync(process.env.PUBLIC_KEY_FILE ?? "public.pem"));
const threeDays = 3 * 24 * 60 * 60;

const passwords = new Map([
  ["alice", "wonderland"],
  ["bob", "builder"],
]);

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function issueToken(user) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: user, iat: now, exp: now + threeDays, jti: randomUUID() };
  const signingInput = `${base64url({ alg: "RS256", typ: "JWT" })}.${base64url(claims)}`;
  const signature = sign("sha256", Buffer.from(signingInput), privateKey).toString("base64url");
  return `${signingInput}.${signature}`;
}

function userOf(request) {
  const [header, payload, signature] = String(request.headers.token ?? "").split(".");
  if (signature === undefined) return undefined;
  const signed = Buffer.from(`${header}.${payload}`);
  if (!verify("sha256", signed, publicKey, Buffer.from(signature, "base64url"))) return undefined;
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  return claims.exp > Date.now() / 1000 ? claims.sub : undefined;
}

async function readJson(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  try {
    return JSON.parse(text || "{}");
  } catch {
    return {};
  }
}

const routes = {
  "POST /login": async ({ body }) =>
    passwords.has(body.user) && passwords.get(body.user) === body.password
      ? [200, { token: issueToken(body.user) }]
      : [401, { message: "wrong user or password" }],

  "GET /me": async ({ user }) => [200, { user }],

  "GET /orders": async ({ user }) => [200, { user, orders: ["teapot", "white rabbit"] }],

  "POST /logout": async () => [200, { message: "bye" }],

  "POST /change-password": async ({ user, body }) => {
    if (passwords.get(user) !== body.old) return [403, { message: "the old password is wrong" }];
    passwords.set(user, body.new);
    return [200, { message: "password changed" }];
  },

  "POST /reset-password": async ({ body }) => {
    if (!passwords.has(body.user)) return [404, { message: "no such user" }];
    passwords.set(body.user, body.new);
    return [200, { message: "password reset" }];
  },
};

const open = new Set(["POST /login", "POST /reset-password"]);

const server = createServer(async (request, response) => {
  const name = `${request.method} ${request.url.split("?", 1)[0]}`;
  const body = await readJson(request);
  const user = userOf(request);
  const [status, answer] = !(name in routes)
    ? [404, { message: "no such page" }]
    : !open.has(name) && user === undefined
      ? [401, { message: "who are you?" }]
      : await routes[name]({ user, body });
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(answer));
});

// A WebSocket that greets, and stays open: the token is checked once, when it opens.
server.on("upgrade", (request, socket) => {
  socket.on("error", () => {});
  socket.on("data", () => socket.end());
  const user = userOf(request);
  if (user === undefined) return socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
  const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const greeting = Buffer.from(`welcome ${user}`);
  socket.write(Buffer.concat([Buffer.from([0x81, greeting.length]), greeting]));
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
